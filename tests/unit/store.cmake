bf_unit_test(test_store SOURCES test_store.c store_fixture.c LIBS bf_store PkgConfig::lmdb)
bf_unit_test(test_store_audit SOURCES test_store_audit.c store_fixture.c LIBS bf_store bf_proto bf_common PkgConfig::lmdb)
bf_unit_test(test_store_history SOURCES test_store_history.c LIBS bf_store PkgConfig::lmdb)
