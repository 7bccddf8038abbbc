foreach(thing request status address pointer shown url)
  bf_unit_test(test_http_${thing} SOURCES test_http_${thing}.c LIBS bf_httpstep bf_common)
endforeach()
