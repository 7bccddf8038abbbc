# A password in a connection string, looked for in every process and file while real steps run.
if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND TARGET bf-sql AND BF_PYTHON3)
  add_test(NAME integration/secrets COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_secrets.py)
  set_tests_properties(integration/secrets PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin" RUN_SERIAL ON)
endif()
