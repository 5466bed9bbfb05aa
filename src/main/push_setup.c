#include "main/push_setup.h"

#include "base/log.h"

/* *o refers to texts of c. */
static void push_setup_options(push_options *o, const config *c)
{
    push_options_init(o);
    o->vapid_key_file = c->push_vapid_key_file;
    o->vapid_subject = c->push_vapid_subject;
    o->fcm_account_file = c->push_fcm_account_file;
    o->apns_key_file = c->push_apns_key_file;
    o->apns_key_id = c->push_apns_key_id;
    o->apns_team_id = c->push_apns_team_id;
    o->apns_topic = c->push_apns_topic;
    o->apns_sandbox = c->push_apns_sandbox;
    o->expo_token = c->push_expo_token && strcmp(c->push_expo_token, "none") == 0 ? "" : c->push_expo_token;
    o->expo_receipts_ms = c->push_expo_receipts;
    o->max_under_way = (unsigned)c->push_max_under_way;
    o->timeout_ms = c->push_timeout;
    o->ca_file = c->push_ca_file;
    o->fcm_url = c->push_fcm_url;
    o->apns_url = c->push_apns_url;
    o->expo_url = c->push_expo_url;
    o->allow_private = c->push_allow_private;
}

static void tell(const push *p, const config *c)
{
    log_info("push:%s%s%s%s", push_has(p, PUSH_WEB) ? " Web Push" : "", push_has(p, PUSH_FCM) ? " FCM" : "",
             push_has(p, PUSH_APNS) ? " APNs" : "", push_has(p, PUSH_EXPO) ? " Expo" : "");
    if (c->push_allow_private)
        log_warn("push: endpoints at private addresses are allowed (PUSH_ALLOW_PRIVATE): not for production");
}

int push_setup(push **out, const config *c, config_error *err)
{
    push_options o;

    *out = NULL;
    push_setup_options(&o, c);
    if (!o.vapid_key_file && !o.fcm_account_file && !o.apns_key_file && !o.expo_token)
        return 0;
    if (push_new(out, &o, err->text, sizeof(err->text)) < 0)
        return -1;
    tell(*out, c);
    return 0;
}
