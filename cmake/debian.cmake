# Three Debian packages by CPack, one a component: backfill-fabric-coordinator, -agent, -ctl.  `make packages` builds them in a tree of
# its own (preset `packages`), because Debian's layout is not that of `make install`.
if(NOT BF_PACKAGES)
  return()
endif()

set(deploy ${PROJECT_SOURCE_DIR}/deploy)
set(made ${CMAKE_BINARY_DIR}/debian)
file(MAKE_DIRECTORY ${made})

# Debian's changelog, with the date of the commit, so that the same commit gives the same package.
execute_process(COMMAND git -C ${PROJECT_SOURCE_DIR} log -1 --format=%aD OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE
                RESULT_VARIABLE git_status ERROR_QUIET)
if(git_status OR NOT date)
  set(date "Thu, 01 Jan 2026 00:00:00 +0000")
endif()
set(CPACK_PACKAGE_CONTACT "Backfill Fabric Maintainers <maintainers@backfill-fabric.example.org>")
foreach(component coordinator agent ctl)
  set(package backfill-fabric-${component})
  file(WRITE ${made}/${component}/changelog
       "${package} (${PROJECT_VERSION}) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  execute_process(COMMAND gzip -9nf ${made}/${component}/changelog COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND gzip -9nc ${PROJECT_SOURCE_DIR}/CHANGELOG.md OUTPUT_FILE ${made}/${component}/CHANGELOG.md.gz COMMAND_ERROR_IS_FATAL ANY)
  install(FILES ${deploy}/debian/copyright ${made}/${component}/changelog.gz ${made}/${component}/CHANGELOG.md.gz
          DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
  string(TOUPPER ${component} COMPONENT)
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${COMPONENT}_FILE_NAME DEB-DEFAULT)
endforeach()

# bf_service(component program): its unit, its user, its folders, its configuration, and the scripts that set them up.
function(bf_service component program)
  install(FILES ${deploy}/systemd/${program}.service DESTINATION /lib/systemd/system COMPONENT ${component})
  install(FILES ${deploy}/systemd/${program}.sysusers DESTINATION lib/sysusers.d RENAME ${program}.conf COMPONENT ${component})
  install(FILES ${deploy}/systemd/${program}.tmpfiles DESTINATION lib/tmpfiles.d RENAME ${program}.conf COMPONENT ${component})
  install(FILES ${deploy}/systemd/bf/${component}.conf DESTINATION /etc/bf COMPONENT ${component})
  string(TOUPPER ${component} COMPONENT)
  set(PROGRAM ${program})
  set(control)
  foreach(script postinst prerm postrm)
    configure_file(${deploy}/debian/${script}.in ${made}/${component}/${script} @ONLY
                   FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND control ${made}/${component}/${script})
  endforeach()
  file(WRITE ${made}/${component}/conffiles "/etc/bf/${component}.conf\n")
  list(APPEND control ${made}/${component}/conffiles)
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_CONTROL_EXTRA "${control}" PARENT_SCOPE)
  set(CPACK_DEBIAN_${COMPONENT}_PACKAGE_DEPENDS "systemd | systemd-standalone-sysusers | systemd-sysusers" PARENT_SCOPE)
endfunction()
bf_service(coordinator bfcoordinator)
bf_service(agent bfagent)
install(FILES ${deploy}/debian/overrides.agent DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME backfill-fabric-agent COMPONENT agent)

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL coordinator agent ctl)
set(CPACK_SET_DESTDIR ON)                # units and configuration are outside of the prefix
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR})
set(CPACK_PACKAGE_VENDOR "Backfill Fabric")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COORDINATOR_PACKAGE_RECOMMENDS backfill-fabric-ctl)
set(CPACK_DEBIAN_AGENT_PACKAGE_SUGGESTS "libsqliteodbc, odbc-postgresql, odbc-mariadb")
set(CPACK_DEBIAN_CTL_PACKAGE_SUGGESTS "backfill-fabric-coordinator, backfill-fabric-agent")

set(about "Backfill Fabric runs dependent, multi-step backfills of a data warehouse
across many hosts, under budgets, with leases and fencing so that no two
attempts of one step ever run at once.")
set(CPACK_COMPONENT_COORDINATOR_DESCRIPTION "orchestrator of data warehouse backfills, coordinator\n${about}\n.\nThis package holds the coordinator, which keeps the state and gives steps to\nagents.")
set(CPACK_COMPONENT_AGENT_DESCRIPTION "orchestrator of data warehouse backfills, agent\n${about}\n.\nThis package holds the agent, which runs the steps on a host, and its helper\nfor SQL over ODBC.")
set(CPACK_COMPONENT_CTL_DESCRIPTION "orchestrator of data warehouse backfills, command line\n${about}\n.\nThis package holds bfctl, by which operators drive the coordinator, and the\nsimulator bfsim.")
include(CPack)
