# Whole installations.  What takes minutes, or needs podman and mmdebstrap, is run by `make e2e` only (ctest -C e2e).
add_test(NAME e2e/units COMMAND ${CMAKE_CURRENT_LIST_DIR}/units.sh ${CMAKE_BINARY_DIR}/bin)
set_tests_properties(e2e/units PROPERTIES LABELS e2e TIMEOUT 60 SKIP_RETURN_CODE 77)

# The heavy ones: the packages of `make packages`, in containers of this machine.
foreach(test packages)
  add_test(NAME e2e/${test} COMMAND ${CMAKE_CURRENT_LIST_DIR}/${test}.sh ${PROJECT_SOURCE_DIR}/build/packages CONFIGURATIONS e2e)
  set_tests_properties(e2e/${test} PROPERTIES LABELS e2e TIMEOUT 900 SKIP_RETURN_CODE 77 RUN_SERIAL ON)
endforeach()
