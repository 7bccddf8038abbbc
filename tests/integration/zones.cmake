# The reader of time zones against Python's, over the zones of the system.
if(TARGET bf_plan AND BF_PYTHON3)
  add_executable(zone_dump support/zone_dump.c)
  target_link_libraries(zone_dump PRIVATE bf_flags bf_plan bf_proto bf_common)
  set_target_properties(zone_dump PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME integration/zones COMMAND ${BF_PYTHON3} -B ${PROJECT_SOURCE_DIR}/tests/integration/test_zones.py $<TARGET_FILE:zone_dump>)
  set_tests_properties(integration/zones PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
