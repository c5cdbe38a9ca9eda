"""Pure: deploy/monitoring as a test runs it: the same files at other addresses, and faster."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MONITORING = ROOT / "deploy/monitoring"
RULES = ROOT / "charts/hotupgrade/monitoring"
QUICK = "1s"
SOON = "15s"  # longer than an agent needs to start, and the operator to look again
Config = dict[str, Any]


def load(file: Path) -> Config:
    loaded: Config = yaml.safe_load(file.read_text())
    return loaded


def alerts(rules: Config) -> list[Config]:
    return [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]


def quick_rules() -> Config:
    """What waits for minutes waits for seconds; what waits for hours is none of a test's."""
    rules = load(RULES / "alerts.yaml")
    for rule in alerts(rules):
        if re.fullmatch(r"\d+m", rule.get("for", "")):
            rule["for"] = SOON
    return rules


def prometheus(discovery: str, alertmanager: str, rules: Path) -> Config:
    """discovery: a URL that says what Kubernetes' discovery would; alertmanager: host:port."""
    config = load(MONITORING / "prometheus.yaml")
    config["global"] = {"scrape_interval": QUICK, "evaluation_interval": QUICK}
    config["rule_files"] = [str(rules)]
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    for job in config["scrape_configs"]:
        del job["kubernetes_sd_configs"]
        job["http_sd_configs"] = [{"url": discovery, "refresh_interval": QUICK}]
    return config


def alertmanager(receiver: str) -> Config:
    """receiver: a URL; each receiver's alerts come to the path of its name."""
    config = load(MONITORING / "alertmanager.yaml")
    config["route"] |= {"group_wait": QUICK, "group_interval": QUICK}
    for found in config["receivers"]:
        found["webhook_configs"][0]["url"] = f"{receiver}/{found['name']}"
    return config
