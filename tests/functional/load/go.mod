module hotupgrade.io/tests/load

go 1.26
