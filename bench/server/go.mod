module hotupgrade.io/bench/server

go 1.26
