/* The keys and tokens were made with Node's crypto; ' stands for ". */
#include "base/testing.h"

#include "app/auth/jwks.h"
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char rsa_key[] =
    "{'kty':'RSA','n':'q4ibqPQVAxWWfpCx88Gg3Rcr1QoT0g7Ry6At4zzgSCUCTbt0fvLPZmVVXCorXpFFijokfHwWh3PTNGqYVX"
    "Go8Hzc_M52CTmoY_-K-A6NmoRT8CTZeRvT6Oh8mP90OyMp8niY-eJXfPnB4HxQLiaZXLNxBELCAkFP255rWVrnt0dZVnNHipIaZW"
    "NLCybsZTdwhMVhv2Yj3ePJTTceFl4fN0Au9RboHLFA3xb5jgExiOu6YkrsXGRsewWrONi1lhVIU-F80sdgKR4xwTXsmKkaAtG6ob"
    "wYQoXvQS7OK0ioH7PdlveUw-hI1919z-dr0ao7IyCC40QTPmpAp1yJwDH5DQ','e':'AQAB','kid':'rsa','use':'sig','al"
    "g':'RS256'}";
static const char rsa_token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.JbFKM8be"
    "YMf8mRIIatjDhTmeFM_dzyTI-fIkT-uB9cBxGiFXlcEnPk45A7FoctMgMNuj1PkxkG6PIdYeZ937wvOuMb9mH6vs6SIZlbELP954"
    "9xW3DgTuGMBVV2kbqtpHLPwGzHE-3FTNafGYSIRDtwDfTHKF5kdQg0RfYAbMeFyYRrM-jZtb1Mu4GbzjxsUJTwZIJ36M1CqdcfKU"
    "P_AAOZojAc56t6b148iFfYDihZfr40VzLhrXhpGUJ1ACZuAqBO2ZseHxD3nobvtWXECatPRM_8T6wEBkgfnS1gOeCjNFsg4i29B4"
    "JiPTkzPZ6GxzpNsCnd2WOEgv07De2GPknQ";
static const char ec_key[] =
    "{'kty':'EC','x':'07FkZWuqD3Z2mZfV4Js9l6x8LkoAp26nAq88fczQOjU','y':'fuoM2ZSFkcOdV5OPjInYR7TU5mf4phI18"
    "L7DVsFs8qk','crv':'P-256','kid':'ec','use':'sig','alg':'ES256'}";
static const char ec_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.zg5WkG_z5"
    "GHPw1kcikaNNOLzgDArrN7hcsx7IDRDA349pGgkw9abVldx_Cd4nCPoiER66bOb-UdajBkh8tcxlg";
static const char ec_unnamed_token[] =
    "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.FSVGAADufuRmnVmE9KqMWykP"
    "WyVAVgMCVDdS3UeYHsnC1nmNAhimtzyAdhZGbONdfczENvIMgUKrJbcEoviz0w";
static const char ec_stranger_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6ImdvbmUifQ.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.Ydjye_"
    "OfsSbkn8ooRPui6N1918s1CyAVDuf4TVGeKbRP8DsuWIYZAADLUwjlRMzbi1oXY7khBSUkSZWgqtPdpA";
static const char ec_as_rsa_token[] =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6ImVjIn0.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.w-R4-TBHP"
    "XJ6YC4RQbm4wOFegx4IrvjNjBmwbsmzCtBcsFWcC-eTYnwd0VeTYEybM0n9bpF76C0puug7RRT9SA";
static const char ec_under_rsa_token[] =
    "eyJhbGciOiJFUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.iY9vu25C"
    "J5Hn9BhP7FA8_LvnOre7GJlHNp77x7tMTYcMN8-kwwuECa23VIOT9AVMK5sOo1IoMVqhF4ucikbJQA";
static const char ed_key[] =
    "{'crv':'Ed25519','x':'nWylJsObcH1YfOITVwwJlYsPbPSoSV6LxYzsbWGrQ7s','kty':'OKP','kid':'ed','use':'sig"
    "','alg':'EdDSA'}";
static const char ed_token[] =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJzdWIiOiJ1MSIsImp0aSI6InQxIiwiaWF0IjoxNzAwMDAwMDAwfQ.ZSTLL4_aH"
    "WR5Ir7rJDvnCnOiTpthsWS1f10TWh8EdOsZBT6PveSi15e71UFETQ_Ho6_XQWKOBlqTUNPsBgbWDg";
static const char weak_key[] =
    "{'kty':'RSA','n':'yaMvXsaLoG3cu7WQI5ZOD33HyTPBSD58sNqUFOBv1VfeMcU-6G_s6odiB4Mh_V95OLk9KipOMMe8KQ86zj"
    "Z-ypQgVnLqkKKjSdKUcDSGcsBnrUhmsyAYTDr3tunbzFMJi26O2S7EkhpPvWRFJQRJf1D-zGsOD8rBjTjYyqrhK_U','e':'AQAB"
    "','kid':'weak'}";
static const char p384_key[] =
    "{'kty':'EC','x':'0BTrkV7Yq2LmtRDsTqu5OyHc1okretzsMx9aJ_yZ8tUyBhlE6DNozWzwuNL_eHfK','y':'KEs7Xin2f1q2"
    "lPMLQ7tOasDrmqtXgXbhfdcEvRubVmgDNiAev6H7M6niJ4wQJA-r','crv':'P-384','kid':'p384'}";

#define NOW 1700000100000

/* A document of those keys; free it. */
static char *document(const char *const *keys, size_t n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    fputs("{'keys':[", f);
    for (size_t i = 0; i < n; i++)
        fprintf(f, "%s%s", i ? "," : "", keys[i]);
    fputs("]}", f);
    fclose(f);
    for (char *p = text; *p; p++)
        *p = *p == '\'' ? '"' : *p;
    return text;
}

static jwks *set_of(const char *const *keys, size_t n)
{
    char *text = document(keys, n), err[200] = "";
    jwks *set = NULL;

    if (jwks_parse(&set, sio_str_z(text), err, sizeof(err)) < 0)
        fail_msg("%s: %s", err, text);
    free(text);
    return set;
}
#define TEXTS(...) ((const char *const[]){__VA_ARGS__})
#define SET(...) set_of(TEXTS(__VA_ARGS__), sizeof(TEXTS(__VA_ARGS__)) / sizeof(char *))

static jwt_verifier *verifier_of(jwks *set)
{
    jwt_verifier *v;
    jwt_options o;
    char err[200];

    jwt_options_init(&o);
    o.keys = set;
    assert_int_equal(jwt_verifier_new(&v, &o, err, sizeof(err)), 0);
    jwks_drop(set); /* the verifier holds it */
    return v;
}

static const char *verdict(const jwt_verifier *v, const char *token, jwt_user *u)
{
    return jwt_verify(v, sio_str_z(token), NOW, u) == 0 ? "" : u->why;
}

static void test_keys_by_name(void **state)
{
    jwt_verifier *v = verifier_of(SET(rsa_key, ec_key, ed_key));
    jwt_user u;

    (void)state;
    assert_string_equal(verdict(v, rsa_token, &u), "");
    assert_string_equal(verdict(v, ec_token, &u), "");
    assert_string_equal(verdict(v, ed_token, &u), "");
    assert_memory_equal(u.id.p, "u1", 2);
    assert_memory_equal(u.jti.p, "t1", 2);
    assert_int_equal(u.issued_ms, 1700000000000);
    assert_string_equal(verdict(v, ec_unnamed_token, &u), "names no key");
    assert_false(u.unknown_key);
    assert_string_equal(verdict(v, ec_stranger_token, &u), "no key of that kid");
    assert_true(u.unknown_key);
    assert_string_equal(verdict(v, ec_as_rsa_token, &u), "another algorithm");
    assert_string_equal(verdict(v, ec_under_rsa_token, &u), "another algorithm");
    jwt_verifier_free(v);
}

static void test_one_key(void **state)
{
    jwt_verifier *v = verifier_of(SET(ec_key));
    jwt_user u;

    (void)state;
    assert_string_equal(verdict(v, ec_unnamed_token, &u), "");
    assert_string_equal(verdict(v, ec_stranger_token, &u), "no key of that kid");
    jwt_verifier_free(v);
}

static void test_rotation(void **state)
{
    jwt_verifier *v = verifier_of(SET(ec_key));
    jwks *next = SET(ed_key);
    jwt_user u;

    (void)state;
    assert_string_equal(verdict(v, ed_token, &u), "no key of that kid");
    jwt_verifier_set_keys(v, next);
    jwks_drop(next);
    assert_string_equal(verdict(v, ed_token, &u), "");
    assert_string_equal(verdict(v, ec_token, &u), "no key of that kid");
    jwt_verifier_free(v);
}

/* Keys that are not for us are left out, and the good one among them found. */
static void test_others_are_left_out(void **state)
{
    static const char *const others[] = {
        weak_key, p384_key, "7", "null", "[]", "{}", "{'kty':'oct','k':'c2VjcmV0','kid':'a'}", "{'kty':'EC'}",
        "{'kty':'OKP','crv':'X25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}",
        "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUR'}",
        "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo','use':'enc'}",
        "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo','use':7}",
        "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo','alg':'none'}",
        "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo','kid':''}",
        "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo','kid':['a']}",
        "{'kty':'RSA','n':'AQ','e':'AQAB'}", "{'kty':'RSA','n':'','e':''}",
        "{'kty':'EC','crv':'P-256','x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',"
        "'y':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'}", /* not on the curve */
    };
    char *text, err[200];
    jwks *set;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        text = document(&others[i], 1);
        assert_int_equal(jwks_parse(&set, sio_str_z(text), err, sizeof(err)), SIO_EINVAL);
        assert_string_equal(err, "has no key that can be used");
        free(text);
        set = SET(others[i], ed_key);
        assert_int_equal(jwks_len(set), 1);
        jwks_drop(set);
    }
}

static void test_bad_documents(void **state)
{
    static const struct { const char *text; int rc; } bad[] = {
        {"", SIO_EPARSE}, {"[]", SIO_EPARSE}, {"{}", SIO_EPARSE}, {"{\"keys\":{}}",
        SIO_EPARSE}, {"{\"keys\":[}", SIO_EPARSE},
        {"{\"keys\":[]}", SIO_EINVAL},
    };
    char *text, err[200], *big = calloc(1, JWKS_TEXT_MAX + 1);
    const char *many[JWKS_KEYS_MAX + 1];
    jwks *set = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(jwks_parse(&set, sio_str_z(bad[i].text), err, sizeof(err)), bad[i].rc);
    assert_int_equal(jwks_parse(&set, (sio_str){big, JWKS_TEXT_MAX + 1}, err, sizeof(err)), SIO_ETOOBIG);
    free(big);
    text = document((const char *const[]){ed_key, ed_key}, 2);
    assert_int_equal(jwks_parse(&set, sio_str_z(text), err, sizeof(err)), SIO_EINVAL);
    assert_string_equal(err, "two keys have the same kid");
    free(text);
    for (size_t i = 0; i < JWKS_KEYS_MAX + 1; i++) /* without names */
        many[i] = "{'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}";
    text = document(many, JWKS_KEYS_MAX + 1);
    assert_int_equal(jwks_parse(&set, sio_str_z(text), err, sizeof(err)), SIO_EINVAL);
    assert_string_equal(err, "too many keys");
    free(text);
    assert_null(set);
}

static void test_file(void **state)
{
    char path[] = "/tmp/jwks_test_XXXXXX", err[200], *text = document(TEXTS(ec_key, ed_key), 2);
    FILE *f = fdopen(mkstemp(path), "w");
    jwks *set = NULL;

    (void)state;
    fputs(text, f);
    fclose(f);
    free(text);
    assert_int_equal(jwks_read_file(&set, path, err, sizeof(err)), 0);
    assert_int_equal(jwks_len(set), 2);
    jwks_drop(set);
    unlink(path);
    assert_int_equal(jwks_read_file(&set, path, err, sizeof(err)), SIO_EIO);
    assert_non_null(strstr(err, path));
    assert_int_equal(jwks_read_file(&set, "/tmp", err, sizeof(err)), SIO_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_by_name),
        cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_rotation),
        cmocka_unit_test(test_others_are_left_out),
        cmocka_unit_test(test_bad_documents),
        cmocka_unit_test(test_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
