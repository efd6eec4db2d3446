/* Private to doctor/: the larger parts of a bundle. */
#ifndef HQ_DOCTOR_BUGREPORT_PARTS_H
#define HQ_DOCTOR_BUGREPORT_PARTS_H

#include "doctor/bugreport.h"

/* Redacts the text and adds it; JSON takes the reference. */
void bugreport_add(struct bugreport *report, const char *name, const char *what,
                   const struct buf *raw);
void bugreport_add_json(struct bugreport *report, const char *name, const char *what,
                        json_t *value);

void bugreport_add_status(struct bugreport *report);
void bugreport_add_processes(struct bugreport *report);
void bugreport_add_work(struct bugreport *report);
void bugreport_add_files(struct bugreport *report);
void bugreport_add_logs(struct bugreport *report);
void bugreport_add_journal(struct bugreport *report);

#endif
