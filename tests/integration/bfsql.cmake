find_program(BF_PYTHON3 python3)
if(TARGET bf-sql AND BF_PYTHON3)
  add_test(NAME integration/bfsql
           COMMAND ${BF_PYTHON3} ${PROJECT_SOURCE_DIR}/tests/integration/test_bfsql.py $<TARGET_FILE:bf-sql>)
  set_tests_properties(integration/bfsql PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
