# Integration tests: real processes and real stores, no sleeps.  Each component declares its own in <component>.cmake beside this file.
# Here, so that the first of them has it too when a tree is configured for the first time.
find_program(BF_PYTHON3 python3)
file(GLOB declarations CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.cmake)
list(REMOVE_ITEM declarations ${CMAKE_CURRENT_LIST_FILE})
foreach(declaration ${declarations})
  include(${declaration})
endforeach()
