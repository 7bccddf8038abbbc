# Whole installations.  What takes minutes, or needs podman and mmdebstrap, is run by `make e2e` only (ctest -C e2e).
add_test(NAME e2e/units COMMAND ${CMAKE_CURRENT_LIST_DIR}/units.sh ${CMAKE_BINARY_DIR}/bin)
set_tests_properties(e2e/units PROPERTIES LABELS e2e TIMEOUT 60 SKIP_RETURN_CODE 77)

# bf_e2e_test(name command…): of the packages and the image that `make e2e` has built.
function(bf_e2e_test name)
  add_test(NAME e2e/${name} COMMAND ${ARGN} CONFIGURATIONS e2e WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}/tests/e2e)
  set_tests_properties(e2e/${name} PROPERTIES LABELS e2e TIMEOUT 1500 SKIP_RETURN_CODE 77 RUN_SERIAL ON
                       ENVIRONMENT "BF_BIN=${CMAKE_BINARY_DIR}/bin")
endfunction()

set(packages ${PROJECT_SOURCE_DIR}/build/packages)
bf_e2e_test(packages ${CMAKE_CURRENT_LIST_DIR}/packages.sh ${packages})
find_package(Python3 COMPONENTS Interpreter REQUIRED)
foreach(test systemd fleet pod)
  bf_e2e_test(${test} ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/${test}.py ${packages})
endforeach()
