# Completion for shells: made by bfctl itself, put where bash, zsh and fish look for it.
if(NOT TARGET bfctl)
  return()
endif()

# bf_completion(shell folder file)
function(bf_completion shell folder file)
  set(output ${CMAKE_BINARY_DIR}/completion/${shell}/${file})
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/completion/${shell}
    COMMAND sh -c "'$<TARGET_FILE:bfctl>' completion ${shell} >'${output}.new' && mv '${output}.new' '${output}'"
    DEPENDS bfctl VERBATIM)
  install(FILES ${output} DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder} COMPONENT ctl)
  set(made ${made} ${output} PARENT_SCOPE)
endfunction()

set(made)
bf_completion(bash bash-completion/completions bfctl)
if(BF_PACKAGES)                          # where packages put it; what an administrator installs goes elsewhere in zsh
  bf_completion(zsh zsh/vendor-completions _bfctl)
else()
  bf_completion(zsh zsh/site-functions _bfctl)
endif()
bf_completion(fish fish/vendor_completions.d bfctl.fish)
add_custom_target(completion ALL DEPENDS ${made})
