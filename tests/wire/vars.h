/* Texts of a transcript: escapes, captured values, matching. */
#ifndef WIRE_VARS_H
#define WIRE_VARS_H

#include "base/buf.h"

typedef struct var {
    char name[32];
    char *value;
} var;

typedef struct vars {
    var v[64];
    unsigned n;
} vars;

void vars_fini(vars *t);
void vars_set(vars *t, const char *name, sio_str value);
void vars_forget(vars *t, const char *name);
/* Writes the text with escapes resolved and captured values filled in; false for an unknown name or escape.
 */
bool vars_expand(const vars *t, const char *text, buf *out);
/* Whether subject is what the text says; captures what it names for the first time. */
bool vars_match(vars *t, const char *text, sio_str subject);

#endif
