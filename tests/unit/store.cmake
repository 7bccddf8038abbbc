bf_unit_test(test_store SOURCES test_store.c LIBS bf_store PkgConfig::lmdb)
