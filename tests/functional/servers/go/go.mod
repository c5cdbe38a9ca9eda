module hotupgrade.io/tests/servers/go

go 1.26
