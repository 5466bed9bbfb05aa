/* Included by events.def at its start, where it makes nothing of all rows that the includer has not defined,
 * and at its end, where it undefines them all. No include guard: it takes turns. */
#ifndef EVENTS_ROWS_OPEN
#define EVENTS_ROWS_OPEN

#ifndef CODE
#define CODE(ID, code, scope, doc)
#endif
#ifndef ENUM
#define ENUM(id, Name, doc)
#define CHOICE(ID, text)
#define END_ENUM
#endif
#ifndef OBJECT
#define OBJECT(Name, doc)
#define END_OBJECT
#endif
#ifndef INPUT
#define INPUT(id, Name, doc)
#define END_INPUT
#endif
#ifndef IN
#define IN(id, name, doc)
#define END_IN
#endif
#ifndef OUT
#define OUT(id, name, doc)
#define END_OUT
#endif
/* Rows of IN and INPUT. */
#ifndef REQUIRED
#define REQUIRED(key, member, type, doc)
#define OPTIONAL(key, member, type, doc)
#define PAYLOAD(key, member, type, doc)
#endif
/* More rows of IN. */
#ifndef RESULT
#define RESULT(key, type, doc)
#define MAY_RESULT(key, type, doc)
#define REFUSES(CODE)
#endif
/* Rows of OUT and OBJECT. */
#ifndef HAS
#define HAS(key, type, doc)
#define MAY_HAVE(key, type, doc)
#define HAS_OR_NULL(key, type, doc)
#define IS(type)
#endif

#else
#undef EVENTS_ROWS_OPEN
#undef CODE
#undef ENUM
#undef CHOICE
#undef END_ENUM
#undef OBJECT
#undef END_OBJECT
#undef INPUT
#undef END_INPUT
#undef IN
#undef END_IN
#undef OUT
#undef END_OUT
#undef REQUIRED
#undef OPTIONAL
#undef PAYLOAD
#undef RESULT
#undef MAY_RESULT
#undef REFUSES
#undef HAS
#undef MAY_HAVE
#undef HAS_OR_NULL
#undef IS
#endif
