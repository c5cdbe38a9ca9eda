"""The command lines of etcd, API server, controller manager and scheduler."""

import json

from tests.cluster.layout import (
    API_PORT,
    ETCD_PEER_URL,
    ETCD_URL,
    NODE_ADDRESS,
    POD_NETWORK,
    SERVICE_NETWORK,
    Layout,
)

WRITES = ["create", "update", "patch", "delete", "deletecollection"]


def etcd(layout: Layout) -> list[str]:
    """Nothing of it outlives the cluster, so it need not wait for the disk."""
    return [
        "etcd",
        f"--data-dir={layout.data / 'etcd'}",
        f"--listen-client-urls={ETCD_URL}",
        f"--advertise-client-urls={ETCD_URL}",
        f"--listen-peer-urls={ETCD_PEER_URL}",
        "--unsafe-no-fsync",
    ]


def api_server(layout: Layout) -> list[str]:
    pki = layout.pki
    policy = layout.data / "audit-policy.json"
    policy.write_text(json.dumps(_audit_policy()))
    return [
        "kube-apiserver",
        f"--etcd-servers={ETCD_URL}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--kubelet-client-certificate={pki / 'kube-apiserver.crt'}",
        f"--kubelet-client-key={pki / 'kube-apiserver.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={pki / 'service-accounts.pub'}",
        f"--service-account-signing-key-file={pki / 'service-accounts.key'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged=true",
        f"--audit-policy-file={policy}",
        f"--audit-log-path={layout.audit_log}",
    ]


def _audit_policy() -> dict[str, object]:
    """Without bodies: a test counts who wrote what, and who looked at a HotUpgrade."""
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "Metadata", "verbs": WRITES},
            {"level": "Metadata", "verbs": ["get"], "resources": [{"group": "hotupgrade.io"}]},
            {"level": "None"},
        ],
    }


def controller_manager(layout: Layout) -> list[str]:
    kubeconfig = layout.kubeconfig("kube-controller-manager")
    return [
        "kube-controller-manager",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        f"--service-account-private-key-file={layout.pki / 'service-accounts.key'}",
        f"--root-ca-file={layout.pki / 'ca.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={POD_NETWORK}",
        "--bind-address=127.0.0.1",
    ]


def scheduler(layout: Layout) -> list[str]:
    kubeconfig = layout.kubeconfig("kube-scheduler")
    return [
        "kube-scheduler",
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
    ]
