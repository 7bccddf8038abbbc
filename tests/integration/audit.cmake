# The audit trail of a private cluster, and what is said of it when it was tampered with.
find_program(BF_PYTHON3 python3)
if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND BF_PYTHON3)
  add_executable(audit_tamper ${PROJECT_SOURCE_DIR}/tests/support/audit_tamper.c)
  target_link_libraries(audit_tamper PRIVATE bf_store bf_proto bf_common bf_flags PkgConfig::lmdb)
  set_target_properties(audit_tamper PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME integration/audit
           COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_audit.py $<TARGET_FILE:audit_tamper>)
  set_tests_properties(integration/audit PROPERTIES LABELS integration TIMEOUT 400 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endif()
