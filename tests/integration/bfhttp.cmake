if(TARGET bf-http AND BF_PYTHON3)
  add_test(NAME integration/bfhttp
           COMMAND ${BF_PYTHON3} ${PROJECT_SOURCE_DIR}/tests/integration/test_bfhttp.py $<TARGET_FILE:bf-http>)
  set_tests_properties(integration/bfhttp PROPERTIES LABELS integration TIMEOUT 600 SKIP_RETURN_CODE 77)
endif()
