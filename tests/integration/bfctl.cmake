if(TARGET bfctl AND BF_PYTHON3)
  add_test(NAME integration/bfctl COMMAND ${BF_PYTHON3} ${PROJECT_SOURCE_DIR}/tests/integration/test_bfctl.py $<TARGET_FILE:bfctl>)
  set_tests_properties(integration/bfctl PROPERTIES LABELS integration TIMEOUT 120 SKIP_RETURN_CODE 77)
endif()
