# The coordinator's sockets on the loopback: one process holds both ends.
add_executable(test_sockets integration/test_sockets.c integration/peer.c)
target_link_libraries(test_sockets PRIVATE bf_flags bf_fleet bf_api bf_logs bf_zap bf_proto bf_common PkgConfig::libzmq ${bf_threads_runner}
                      Threads::Threads)
set_target_properties(test_sockets PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME integration/sockets COMMAND test_sockets --color=never -j1)
set_tests_properties(integration/sockets PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)

if(TARGET bfcoordinator)
  add_executable(test_coordinator integration/test_coordinator.c integration/peer.c)
  target_compile_definitions(test_coordinator PRIVATE BF_COORDINATOR="$<TARGET_FILE:bfcoordinator>")
  target_link_libraries(test_coordinator PRIVATE bf_flags bf_plan bf_proto bf_common PkgConfig::libzmq ${bf_threads_runner}
                        Threads::Threads)
  add_dependencies(test_coordinator bfcoordinator)
  set_target_properties(test_coordinator PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME integration/coordinator COMMAND test_coordinator --color=never -j1)
  set_tests_properties(integration/coordinator PROPERTIES LABELS integration TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
