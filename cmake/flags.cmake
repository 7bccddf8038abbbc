# bf_flags: what every object of ours is compiled and linked with.  Generated code does not use it.
add_library(bf_flags INTERFACE)
target_include_directories(bf_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(bf_flags INTERFACE _GNU_SOURCE BF_VERSION="${PROJECT_VERSION}")
target_compile_options(bf_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${BF_WERROR}>:-Werror> -fno-omit-frame-pointer)
# Texts for people are cut on purpose where they do not fit (common/error.h); gcc sees that only when it optimises.
target_compile_options(bf_flags INTERFACE $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
target_link_options(bf_flags INTERFACE LINKER:--as-needed)

if(BF_SANITIZE)
  target_compile_options(bf_flags INTERFACE -fsanitize=${BF_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(bf_flags INTERFACE -fsanitize=${BF_SANITIZE})
else()
  target_compile_options(bf_flags INTERFACE -fstack-protector-strong)
  # Fortification needs the optimiser, and hides bugs from the sanitizers.
  target_compile_options(bf_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
  target_link_options(bf_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:LINKER:-z,relro,-z,now>)
endif()
if(BF_FUZZ)
  target_compile_options(bf_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_compile_definitions(bf_flags INTERFACE PLAN_INSTANCES_MAX=500000u)
endif()
if(BF_COVERAGE)
  target_compile_options(bf_flags INTERFACE --coverage -fprofile-update=atomic)
  target_link_options(bf_flags INTERFACE --coverage)
endif()
if(BF_PLANTS)
  target_compile_definitions(bf_flags INTERFACE BF_PLANTS=1)
endif()

# libFuzzer shows its reports itself.
if(BF_SANITIZE MATCHES "address|thread" AND NOT BF_FUZZ)
  add_library(bf_sanitizers OBJECT ${PROJECT_SOURCE_DIR}/tests/support/sanitizers.c)
  target_compile_definitions(bf_sanitizers PRIVATE BF_REPORTS="${CMAKE_BINARY_DIR}/reports"
                             BF_LSAN_SUPPRESSIONS="${PROJECT_SOURCE_DIR}/tests/support/lsan.supp"
                             BF_TSAN_SUPPRESSIONS="${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")
  target_link_libraries(bf_sanitizers PRIVATE bf_flags)
  target_sources(bf_flags INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:bf_sanitizers>>)
endif()
