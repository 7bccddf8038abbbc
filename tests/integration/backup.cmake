# Backup, restore, compaction and formats of the store, on private clusters.
find_program(BF_PYTHON3 python3)
if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  add_executable(store_state ${PROJECT_SOURCE_DIR}/tests/support/store_state.c)
  target_link_libraries(store_state PRIVATE bf_turn bf_engine bf_store bf_plan bf_proto bf_common bf_flags
                        PkgConfig::lmdb PkgConfig::libsodium)
  set_target_properties(store_state PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME integration/backup
           COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_backup.py $<TARGET_FILE:store_state>)
  set_tests_properties(integration/backup PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
