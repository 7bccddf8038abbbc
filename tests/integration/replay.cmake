if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  add_executable(journal_tamper ${PROJECT_SOURCE_DIR}/tests/support/journal_tamper.c)
  target_link_libraries(journal_tamper PRIVATE bf_store bf_proto bf_common bf_flags PkgConfig::lmdb)
  set_target_properties(journal_tamper PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME integration/replay
           COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_replay.py $<TARGET_FILE:journal_tamper>)
  set_tests_properties(integration/replay PROPERTIES LABELS integration TIMEOUT 180 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
