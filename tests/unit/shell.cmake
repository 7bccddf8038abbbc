bf_unit_test(test_zap LIBS bf_zap bf_common PkgConfig::libzmq)
bf_unit_test(test_staging LIBS bf_api bf_fleet bf_zap bf_proto bf_common)
bf_unit_test(test_log_store LIBS bf_logs bf_proto bf_common)
bf_unit_test(test_coordinator_config LIBS bf_shell bf_zap bf_engine bf_common PkgConfig::libzmq)
foreach(thing views views_plan)
  bf_unit_test(test_${thing} SOURCES test_${thing}.c views_fixture.c
               LIBS bf_shell bf_turn bf_logs bf_store bf_engine bf_plan bf_proto bf_common PkgConfig::jansson PkgConfig::libsodium)
endforeach()
bf_unit_test(test_turn LIBS bf_turn bf_engine bf_plan bf_proto bf_common)
