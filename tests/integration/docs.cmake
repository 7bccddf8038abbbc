if(TARGET bfctl AND TARGET bfcoordinator AND TARGET bfagent AND TARGET bfsim AND BF_PYTHON3)
  add_test(NAME integration/docs
           COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_docs.py $<TARGET_FILE_DIR:bfctl> ${PROJECT_SOURCE_DIR})
  set_tests_properties(integration/docs PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
