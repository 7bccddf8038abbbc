# The simulator is the main test: many seeds on the shipped code, and each planted bug found by a build of its own.
add_test(NAME sim/seeds COMMAND ${CMAKE_CURRENT_LIST_DIR}/seeds $<TARGET_FILE:bfsim> 5000)
set_tests_properties(sim/seeds PROPERTIES LABELS sim TIMEOUT 900 PROCESSORS 2)

# bfsim once more, with the planted bugs compiled in: the files that have any, and the layers for the rest.  A file is looked at when
# cmake runs; a bug in one that had none before is not found by the test until then.
file(GLOB_RECURSE plant_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/common/*.c ${PROJECT_SOURCE_DIR}/plan/*.c
     ${PROJECT_SOURCE_DIR}/proto/*.c ${PROJECT_SOURCE_DIR}/coordinator/*.c ${PROJECT_SOURCE_DIR}/agent/*.c)
foreach(source ${plant_sources})
  file(STRINGS ${source} planted REGEX "BF_PLANT" LIMIT_COUNT 1)
  if(NOT planted)
    list(REMOVE_ITEM plant_sources ${source})
  endif()
endforeach()
add_executable(bfsim_plants ${plant_sources})
target_compile_definitions(bfsim_plants PRIVATE BF_PLANTS=1)
target_link_libraries(bfsim_plants PRIVATE bf_flags bf_sim bf_replay bf_turn bf_engine bf_agentcore bf_seal bf_sqlrules bf_proto bf_plan
                      bf_common PkgConfig::libsodium m)
set_target_properties(bfsim_plants PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME sim/plants COMMAND ${CMAKE_CURRENT_LIST_DIR}/plants $<TARGET_FILE:bfsim_plants> ${PROJECT_SOURCE_DIR})
set_tests_properties(sim/plants PROPERTIES LABELS sim TIMEOUT 600 PROCESSORS 2)
add_test(NAME sim/shrinks COMMAND ${CMAKE_CURRENT_LIST_DIR}/shrinks $<TARGET_FILE:bfsim_plants>)
set_tests_properties(sim/shrinks PROPERTIES LABELS sim TIMEOUT 300)
add_test(NAME sim/repeats COMMAND ${CMAKE_CURRENT_LIST_DIR}/repeats $<TARGET_FILE:bfsim>)
set_tests_properties(sim/repeats PROPERTIES LABELS sim TIMEOUT 120)
add_test(NAME sim/options COMMAND ${CMAKE_CURRENT_LIST_DIR}/options $<TARGET_FILE:bfsim>)
set_tests_properties(sim/options PROPERTIES LABELS sim TIMEOUT 60)
# Load curves against the governor alone: users' target and throughput, without settings by case.
add_test(NAME sim/governor COMMAND ${CMAKE_CURRENT_LIST_DIR}/governor $<TARGET_FILE:bfsim> 1000)
set_tests_properties(sim/governor PROPERTIES LABELS sim TIMEOUT 300)
