/* Writes JSON for people to read and to compare: one member a line, indented. Texts must be ASCII without
 * control characters, as those of our own tables. */
#ifndef MAIN_JSON_PRINT_H
#define MAIN_JSON_PRINT_H

#include <stdint.h>
#include <stdio.h>

typedef struct json_print {
    FILE    *f;
    unsigned depth;
    char     close[32]; /* what ends each open level */
    int      has_items; /* of the innermost level */
} json_print;

/* key NULL inside arrays. At most 32 levels. */
void json_print_object(json_print *j, const char *key);
void json_print_array(json_print *j, const char *key);
/* Ends the innermost object or array; a newline behind the outermost. */
void json_print_end(json_print *j);
void json_print_text(json_print *j, const char *key, const char *text);
void json_print_int(json_print *j, const char *key, int64_t value);
void json_print_bool(json_print *j, const char *key, int value);

#endif
