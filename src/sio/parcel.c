/* Packets on their way out, encoded once for all receivers: the head as a framed engine message,
 * attachments behind it. */
#include "codec/val.h"
#include "sio/sio_int.h"

#include <stdlib.h>

/* ---- JSON ---- */

static int put_args(buf *json, const packet_out *out, sio_str *bins, unsigned max_bins, unsigned *nbins)
{
    int err = buf_putc(json, '[');

    for (size_t i = 0; i < out->n && err == 0; i++) {
        if (i)
            err = buf_putc(json, ',');
        if (err == 0 && out->args[i].kind == SIO_UNDEFINED)
            err = buf_puts(json, "null");
        else if (err == 0)
            err = val_to_json(json, out->args[i], bins, max_bins, nbins);
    }
    return err ? err : buf_putc(json, ']');
}

/* One more argument behind the others. */
static int put_offset(buf *json, sio_str offset)
{
    json->n--; /* the bracket */
    return buf_printf(json, ",\"%.*s\"]", (int)offset.n, offset.p);
}

static int put_list(buf *json, const packet_out *out, sio_str *bins, unsigned max_bins, unsigned *nbins)
{
    int err = out->whole ? val_to_json(json, out->args[0], bins, max_bins, nbins)
                         : put_args(json, out, bins, max_bins, nbins);

    return err == 0 && out->offset.n ? put_offset(json, out->offset) : err;
}

static bool has_list(sio_packet_type type)
{
    return type == SIO_PACKET_EVENT || type == SIO_PACKET_ACK;
}

static int put_payload(buf *json, const packet_out *out, sio_str *bins, unsigned max_bins, unsigned *nbins)
{
    if (has_list(out->type))
        return put_list(json, out, bins, max_bins, nbins);
    return out->n ? val_to_json(json, out->args[0], bins, max_bins, nbins) : 0;
}

/* ---- engine messages ---- */

static blob *message_of(bool binary, sio_str a, sio_str b)
{
    char *p;
    blob *m = eio_message_new(binary, a.n + b.n, &p);

    if (!m)
        return NULL;
    memcpy(p, a.p, a.n);
    if (b.n)
        memcpy(p + a.n, b.p, b.n);
    eio_message_seal(m);
    return m;
}

static int put_attachments(parcel *p, const sio_str *bins, unsigned n)
{
    if (!n)
        return 0;
    if (!(p->bin = calloc(n, sizeof(*p->bin))))
        return SIO_ENOMEM;
    while (p->nbins < n) {
        if (!(p->bin[p->nbins] = message_of(true, bins[p->nbins], (sio_str){0})))
            return SIO_ENOMEM;
        p->nbins++;
    }
    return 0;
}

static sio_packet_type wire_type(sio_packet_type type, unsigned nbins)
{
    if (nbins && type == SIO_PACKET_EVENT)
        return SIO_PACKET_BINARY_EVENT;
    return nbins && type == SIO_PACKET_ACK ? SIO_PACKET_BINARY_ACK : type;
}

/* What stands in front depends on what is in the JSON, so it is written behind it, in the same buffer. */
static int finish_text(parcel *p, const packet_out *out, buf *json, const sio_str *bins, unsigned nbins)
{
    size_t n = json->n, nhead;
    int err = sio_packet_put_head(json, wire_type(out->type, nbins), nbins, out->nsp, out->has_id, out->id);

    if (err < 0)
        return err;
    nhead = json->n - n;
    if (!(p->head = message_of(false, (sio_str){json->p + n, nhead}, (sio_str){json->p, n})))
        return SIO_ENOMEM;
    if (out->type == SIO_PACKET_EVENT) {
        sio_str payload = eio_message_payload(p->head);

        p->json = (sio_str){payload.p + nhead, payload.n - nhead};
    }
    return put_attachments(p, bins, nbins);
}

static int finish_msgpack(parcel *p, const packet_out *out, const buf *json, const sio_bins *bins)
{
    buf whole;
    int err;

    buf_init(&whole, UINT32_MAX / 4);
    err = sio_packet_put_msgpack(&whole, out->type, out->nsp, out->has_id, out->id, buf_str(json), bins);
    if (err == 0 && !(p->head = message_of(true, buf_str(&whole), (sio_str){0})))
        err = SIO_ENOMEM;
    buf_fini(&whole);
    /* The arguments as text are wanted by plain clients and outgoing listeners. */
    if (err == 0 && out->type == SIO_PACKET_EVENT && bins->n == 0 && !(p->own = strndup(json->p, json->n)))
        err = SIO_ENOMEM;
    if (p->own)
        p->json = (sio_str){p->own, json->n};
    return err;
}

static void mark_uncompressed(parcel *p)
{
    eio_message_uncompressed(p->head);
    for (unsigned i = 0; i < p->nbins; i++)
        eio_message_uncompressed(p->bin[i]);
}

int parcel_encode(parcel *p, const sio_options *opt, buf *scratch, const packet_out *out)
{
    sio_str bin[SIO_MAX_BINS];
    unsigned nbins = 0;
    /* Binary is inline there, so attachments are not limited */
    bool msgpack = opt->parser == SIO_PARSER_MSGPACK;
    int err;

    *p = (parcel){0};
    err = put_payload(scratch, out, bin, msgpack ? SIO_MAX_BINS : opt->max_attachments, &nbins);
    if (err == 0 && msgpack)
        err = finish_msgpack(p, out, scratch, &(sio_bins){bin, nbins});
    else if (err == 0)
        err = finish_text(p, out, scratch, bin, nbins);
    if (err < 0)
        parcel_free(p);
    else if (out->uncompressed)
        mark_uncompressed(p);
    scratch->n = 0;
    if (scratch->cap > 1u << 20)
        buf_fini(scratch);
    return err;
}

int parcel_clone(parcel *to, const parcel *from)
{
    *to = (parcel){.head = blob_clone(from->head)};
    if (to->head && from->own && (to->own = strndup(from->own, from->json.n)))
        to->json = (sio_str){to->own, from->json.n};
    else if (to->head && from->json.n)
        to->json = (sio_str){to->head->p + (from->json.p - from->head->p), from->json.n};
    if (from->nbins)
        to->bin = calloc(from->nbins, sizeof(*to->bin));
    while (to->bin && to->nbins < from->nbins && (to->bin[to->nbins] = blob_clone(from->bin[to->nbins])))
        to->nbins++;
    if (to->head && to->nbins == from->nbins)
        return 0;
    parcel_free(to);
    return SIO_ENOMEM;
}

int parcel_share(parcel *to, const parcel *from)
{
    *to = *from;
    to->plain = NULL;
    to->own = NULL;
    if (from->nbins && !(to->bin = calloc(from->nbins, sizeof(*to->bin))))
        return SIO_ENOMEM;
    for (unsigned i = 0; i < from->nbins; i++)
        to->bin[i] = blob_hold(from->bin[i]);
    blob_hold(to->head);
    if (from->own)
        to->json = (sio_str){(to->own = strndup(from->own, from->json.n)), from->json.n};
    return 0;
}

void parcel_free(parcel *p)
{
    blob_drop(p->head);
    blob_drop(p->plain);
    for (unsigned i = 0; i < p->nbins; i++)
        blob_drop(p->bin[i]);
    free(p->bin);
    free(p->own);
    *p = (parcel){0};
}

int send_packet(client *c, const packet_out *out)
{
    parcel p;
    int err = parcel_encode(&p, &c->shard->io->opt, &c->shard->scratch, out);

    if (err == 0) {
        if (c->transport)
            c->ops->send(c, &p);
        parcel_free(&p);
    }
    return err;
}
