if(TARGET bf-sql AND BF_PYTHON3)
  add_test(NAME integration/checks
           COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_checks.py $<TARGET_FILE:bf-sql>)
  set_tests_properties(integration/checks PROPERTIES LABELS integration TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
