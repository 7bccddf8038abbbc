/* Plans made from other systems' files.  Pure: bytes in, YAML text out. */
#ifndef BF_PLAN_IMPORT_H
#define BF_PLAN_IMPORT_H

#include "common/buf.h"
#include "common/error.h"

/* WfCommons WfFormat 1.5 (workflow.specification.tasks, workflow.execution.tasks) -> a plan without partitions: one step a task,
 * `needs` from parents, `expect.duration` from the measured run time times time_scale (> 0), and `run: [sleep, SECONDS]` for
 * the same time, so that the workflow's shape and timing can be run anywhere.  Task ids that are no step names are mangled,
 * uniquely.  name: of the plan. */
enum bf_rc plan_import_wfformat(const char *json, size_t len, const char *name, double time_scale,
                                struct bf_buf *ret_yaml, struct bf_error *err) BF_MUST_CHECK;

#endif
