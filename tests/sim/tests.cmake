# The simulator is the main test: many seeds on the shipped code, and each planted bug found by a build of its own.
add_test(NAME sim/seeds COMMAND bfsim --seed 1 --seeds 5000)
set_tests_properties(sim/seeds PROPERTIES LABELS sim TIMEOUT 900)

# bfsim once more, with the planted bugs compiled in.
file(GLOB plant_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/common/*.c ${PROJECT_SOURCE_DIR}/plan/*.c ${PROJECT_SOURCE_DIR}/proto/*.c
     ${PROJECT_SOURCE_DIR}/coordinator/engine/*.c ${PROJECT_SOURCE_DIR}/coordinator/replay/*.c ${PROJECT_SOURCE_DIR}/coordinator/sim/*.c)
foreach(source turn turn_audit recover intake release dispatch)
  list(APPEND plant_sources ${PROJECT_SOURCE_DIR}/coordinator/${source}.c)
endforeach()
list(APPEND plant_sources ${PROJECT_SOURCE_DIR}/agent/core.c)
add_executable(bfsim_plants ${plant_sources})
target_compile_definitions(bfsim_plants PRIVATE BF_PLANTS=1)
target_link_libraries(bfsim_plants PRIVATE bf_flags bf_proto_gen PkgConfig::libfyaml PkgConfig::jansson PkgConfig::libsodium m)
add_dependencies(bfsim_plants bf_proto_gen)
set_target_properties(bfsim_plants PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
add_test(NAME sim/plants COMMAND ${CMAKE_CURRENT_LIST_DIR}/plants $<TARGET_FILE:bfsim_plants> ${PROJECT_SOURCE_DIR})
set_tests_properties(sim/plants PROPERTIES LABELS sim TIMEOUT 600)
add_test(NAME sim/repeats COMMAND ${CMAKE_CURRENT_LIST_DIR}/repeats $<TARGET_FILE:bfsim>)
set_tests_properties(sim/repeats PROPERTIES LABELS sim TIMEOUT 120)
