/* Who we are and where: shared by all parts of the page. */

export const state = {
    socket: null,
    me: null, /* {id, username} */
    token: null,
    room: null, /* id of the open party, which is its room's id too */
    ownRooms: [], /* parties visited that are not among the ready-made ones */
};

const STORE = "partyline.session";
const OWN_MAX = 20;

/* ---- what survives a reload of this tab ---- */

export function remember() {
    const { me, room, ownRooms } = state;
    sessionStorage.setItem(STORE, JSON.stringify({ me, room, ownRooms: ownRooms.slice(-OWN_MAX) }));
}

export function recall() {
    try {
        const saved = JSON.parse(sessionStorage.getItem(STORE));
        return saved?.me?.id && saved.room ? saved : null;
    } catch {
        return null;
    }
}

export const forget = () => sessionStorage.removeItem(STORE);
