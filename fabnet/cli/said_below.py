"""What lies below the commands says of a fault, in English; what a newcomer meets of it, in her language.

A sentence is known by its words, as `web.sentences` knows it, which needs what a node does not have. What is
not known stays as it is.
"""

from __future__ import annotations

import re

from fabnet.cli.language import gettext


def _(words: str) -> str:
    """Mark words for the catalogue."""
    return words


SENTENCES = (
    # joining
    _(
        "This is the link of the invitation, for a browser: open it, choose the computer beside the"
        " printer, and copy the command that stands there."
    ),
    _(
        "This is not a whole code: copy all of it, from https:// to its last letter, and put it between"
        " quotation marks."
    ),
    _("This code contradicts itself: ask for a new one."),
    _("The coordinator does not know this code: copy it again, or ask for a new one."),
    _("This code was good until %(until)s UTC: ask the coordination team for a new one."),
    _(
        "This code was used already, at %(at)s UTC by a node that is called %(node)s now. If that was not"
        " you, tell the coordination team at once; ask for a new code."
    ),
    _(
        "The coordinator at %(url)s does not answer: is this machine on the network, and is the address"
        " right? Then run the same command again."
    ),
    _(
        "What answers at %(url)s is not the coordinator that the code names: somebody may stand in"
        " between, or a letter of the code is wrong. Nothing secret was sent. Try from another network, or"
        " ask for a new code."
    ),
    _(
        "This machine's clock says %(now)s UTC, and the certificate of %(url)s is not good then: set the"
        " clock (sudo timedatectl set-ntp true) and run it again."
    ),
    _(
        "The coordination team has not let this node in yet: once it has compared the fingerprint, run"
        " the same command again."
    ),
    _("Too many attempts from this address: wait %(minutes)s min, then run it again."),
    # her folder and her node
    _("there is no such file here; yours is %(file)s: name that one"),
    _(
        "there is no such file here: name yours, or go into the folder in which you ran `fabnet node join`"
    ),
    _(
        "The node %(node)s does not run here, or not with %(folder)s. Start it with: fabnet node run; or"
        " for good: fabnet node install"
    ),
    _("The disk of this machine is full: nothing was kept. Make room, and do it again."),
    _(
        "The disk of this machine cannot be written: nothing was kept. Restart the machine; if that does not"
        " help, replace its disk or memory card."
    ),
    # printers
    _("it is not there: is it plugged in?"),
    _("%(program)s holds it; close that first"),
    _(
        "you may not use it; add yourself to the group dialout (sudo adduser $USER dialout) and sign in"
        " again"
    ),
    _("another program holds it (OctoPrint, a slicer?); close that first"),
    _("nothing runs at this address; is it started, and is the address right?"),
    _("it does not answer; is it switched on, and is the network there?"),
    # what would be
    _("--depot %(told)s cannot be read; write PETG=12000, in grams, with one of %(known)s"),
    # a backup
    _("The backup %(file)s cannot be written: %(why)s"),
    _("the disk of %(folder)s is full: make room there, and run the command again"),
    _("there is no folder %(folder)s"),
    _("%(folder)s cannot be written: %(why)s"),
    # what the doctor looks at, and finds
    _("packages"),
    _("slicer"),
    _("broker"),
    _("broker trial"),
    _("authority"),
    _("data"),
    _("mail"),
    _("plans"),
    _("ledger"),
    _("coordinator"),
    _("page port"),
    _("broker port"),
    _("password"),
    _("key"),
    _("printers"),
    _("preset"),
    _("port"),
    _("firmware profile %(name)s"),
    _("%(version)s: 3.11 is needed"),
    _(
        "%(name)s is not fabnet's own but %(found)s: install fabnet in an environment of its own"
        " (pipx, venv)"
    ),
    _("%(version)s: 3.37 or newer is needed"),
    _("the coordinator slices for this node"),
    _("its owner brings G-code for every plate"),
    _(
        "there is no slicer on this machine, %(why)s; install it with: sudo apt-get install"
        " prusa-slicer"
    ),
    _("mosquitto is not on this machine: %(hint)s"),
    _("install it with: sudo apt-get install mosquitto"),
    _("%(program)s, version %(version)s"),
    _("%(what)s: %(version)s.0 is needed"),
    _("a message went both ways; listeners for nodes: %(listeners)s"),
    _("no message came through: is the machine very busy?"),
    _("%(path)s of the MQTT broker's TLS cannot be read"),
    _("The MQTT broker did not start; it said: %(words)s"),
    _("The broker %(host)s:%(port)s cannot be reached: %(why)s"),
    _(
        "look as the user that runs the coordinator; if it is that user's, put the folder tls back"
        " from a backup: without it every node has to join again"
    ),
    _("it runs: its pages answer at %(host)s:%(port)s"),
    _("%(path)s holds no certificate: %(advice)s"),
    _("%(path)s cannot be read (%(why)s): %(advice)s"),
    _("no [mail] in the configuration: nobody is told anything"),
    _(
        "%(where)s lets us in, but %(many)s of the last letters did not go out; the newest, for"
        " %(whom)s: %(why)s"
    ),
    _("it was too late"),
    _("%(where)s lets us in; try fabnet mail-test ADDRESS"),
    _(
        "The mail server wants a password for %(user)s: name a file with mail.password_file, or set"
        " %(variable)s."
    ),
    _("The mail server %(host)s:%(port)s"),
    _("%(where)s does not know user and password: %(why)s"),
    _("%(where)s cannot be used: %(why)s"),
    _(
        "fabnet could make no plan of order %(orders)s that keeps its own rules: it waits, and all"
        " others go on. The coordinator's log names what broke: please report it with this"
    ),
    _(
        "what the ledger has of printer %(named)s cannot be used: it gets nothing. Start its node again"
    ),
    _(
        "what the ledger says of %(named)s cannot be read: it is left as it is, and all else goes"
        " on. Put it back from a backup, or ask whoever knows what stood there"
    ),
    _("%(folder)s may not be written by this user"),
    _("%(folder)s, %(free)s MiB free"),
    _("%(what)s: make room"),
    _(
        "%(host)s:%(port)s: %(why)s; stop the program that holds it, or choose another port in the"
        " configuration"
    ),
    _("%(host)s:%(port)s is free"),
    _("%(path)s cannot be read: copy the whole folder of the node"),
    _("copy the whole folder of the node, or ask the coordination team for the network's ca.crt"),
    _("none is named: `fabnet node setup` finds them, and writes them into the file"),
    _("%(process)s, %(rate)s pieces an hour"),
    _("%(url)s cannot be reached (%(why)s): does it run, is the address right?"),
    _("%(url)s answered %(status)s"),
    _("%(why)s: a firewall, a wrong address or certificate, or it does not run"),
    _("%(url)s answers"),
    _("%(url)s: what listens there is no MQTT broker"),
    _("%(port)s is not there: is the printer plugged in and switched on?"),
    _("%(port)s may not be used by this user: sudo usermod -aG dialout $USER, then sign in again"),
    # how it attacks a broker, and what is to be mended
    _("messages go both ways"),
    _("%(url)s is no broker address; write it as mqtt://host:1883"),
    _("The broker refuses the login %(user)s: give it one that it knows"),
    _("%(logins)s cannot be read: %(why)s"),
    _(
        "%(logins)s needs three lines of user:password: first %(user)s, then two nodes that the"
        " broker knows for this test only"
    ),
    _(
        "give nodes `pattern write fabnet/v1/+/%u/up/#` and `pattern read fabnet/v1/+/%u/dn/#` and"
        " nothing more (docs/security.md has mosquitto's whole configuration)"
    ),
    _("connect without a login"),
    _("set `allow_anonymous false`"),
    _("log in with wrong passwords and odd names"),
    _("give the broker a password file, and let no user's name hold + or #"),
    _("guess a password %(times)s times while honest nodes work"),
    _(
        "the broker stands still meanwhile: choose a cheaper password hash, or limit logins a second"
    ),
    _("log in as oneself with another node's client id"),
    _("set `use_username_as_clientid true`, so that the login is the client id"),
    _("connect with another node's client id and no or a wrong password"),
    _("the broker cuts or deafens a node before it asks for the password: use mosquitto"),
    _("publish as another node"),
    _("publish commands to a node, and to oneself"),
    _("publish as the coordinator"),
    _("leave a will on another's topic"),
    _("the broker does not hold wills to the access list: use mosquitto; %(list)s"),
    _("leave retained messages where others look first"),
    _("publish on topics with wildcards, empty levels, NUL, broken Unicode, wrong shards"),
    _("the broker takes topics that MQTT forbids, or its access list matches too much; %(list)s"),
    _("subscribe to others, to everything, and by $share"),
    _("read $SYS and speak on $CONTROL"),
    _("leave nodes no topic that begins with $; %(list)s"),
    _("let a persistent session gather another node's messages"),
    _("send %(many)s kinds of broken packets"),
    _("the broker falls over broken packets: use a newer one"),
    _("send messages, and promise packets, that are far too large"),
    _("set `max_packet_size` and `message_size_limit` to %(bytes)s"),
    _("hold %(many)s connections open in the middle of a packet"),
    _("a connection that stands still holds up the others: use mosquitto"),
    _("publish %(many)s messages at once while honest nodes work"),
    _("one node starves the others: give the broker more processor, or limit its clients"),
)


def _pattern(sentence: str) -> re.Pattern[str]:
    pieces = re.split(r"%\((\w+)\)s", sentence)
    return re.compile(
        "".join(
            f"(?P<{piece}>.+?)" if number % 2 else re.escape(piece)
            for number, piece in enumerate(pieces)
        )
    )


def in_language(text: str) -> str:
    """Return a sentence from below in the language of the terminal, if it is known; else as it is."""
    for sentence in SENTENCES:
        if found := _pattern(sentence).fullmatch(text):
            told = {name: in_language(part) for name, part in found.groupdict().items()}
            return gettext(sentence, **told)
    # A file, a port or an address, then what is wrong with it.
    for colon in re.finditer(": ", text):
        head, words = text[: colon.start()], text[colon.end() :]
        if any(_pattern(sentence).fullmatch(words) for sentence in SENTENCES):
            return gettext("%(what)s: %(why)s", what=in_language(head), why=in_language(words))
    return text
