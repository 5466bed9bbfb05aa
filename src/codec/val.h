/* Writing values as JSON; reading them is declared in sio_val.h. */
#ifndef CODEC_VAL_H
#define CODEC_VAL_H

#include "base/buf.h"
#include "sio_val.h"

#define VAL_MAX_DEPTH 64

/* Appends v as JSON.stringify would: undefined members are left out, undefined and NaN are null elsewhere
 * (also at the top), WTF-8 surrogates are escaped. Every binary value, and every placeholder inside a piece
 * of JSON that has attachments, becomes {"_placeholder":true,"num":N}, numbered depth first from *nbins on,
 * and a view of its bytes is stored in bins[N]; *nbins moves on. Pieces of JSON without placeholders are
 * copied as they stand. Returns 0; SIO_ELIMIT for more than max_bins attachments or built values nested
 * deeper than VAL_MAX_DEPTH; SIO_EINVAL for an object with a key that is no string or without value; or a
 * buf error. On failure out and *nbins are as before. Any thread. */
int val_to_json(buf *out, sio_val v, sio_str *bins, unsigned max_bins, unsigned *nbins);

#endif
