"""What the ledger and a node say when they refuse something, as they say it: in English.

A figure is written as `%(name)s`; `web.sentences` says what each name stands for.
"""

from __future__ import annotations

from web.language import lazy_gettext as _

SENTENCES = (
    # the ledger's
    _("There is no %(kind)s %(key)s here."),
    _("There is no %(kind)s %(key)s here; there is: %(known)s."),
    _("what the ledger has of it cannot be used: %(what)s"),
    _("%(ref)s belongs to %(owner)s; %(node)s cannot speak for it."),
    _("%(node)s asks and does not read the answers."),
    _("All of its lots are held: their design was withdrawn."),
    _("There is no inspected lot of this order to pack."),
    _("Batch %(batch)s is %(batch_state)s already."),
    _("Batch %(batch)s is %(batch_state)s: it cannot be received now."),
    _("Lot %(lot)s in it is held: its design was withdrawn, and nobody has released it."),
    _("The coordinator does not know this code: copy it again, or ask for a new one."),
    _("This code was good until %(until)s UTC: ask the coordination team for a new one."),
    _("%(node)s has joined with this invitation: shut it out if nobody knows it."),
    _(
        "This code was used already, at %(at)s UTC by a node that is called %(node)s now. If that"
        " was not you, tell the coordination team at once; ask for a new code."
    ),
    _(
        "The key in this folder belongs to node %(node)s already: join into a new folder, with --out"
        " FOLDER behind the command."
    ),
    _("%(node)s is %(standing)s already."),
    _("%(node)s is being set up here: look again in a minute."),
    _(
        "The fingerprint of %(node)s is %(fingerprint)s, not %(seen)s. If the lab shows another"
        " one, do not confirm: somebody else has used its code."
    ),
    _("%(node)s was revoked already: %(reason)s."),
    _(
        "The coordination team has not let this node in yet: once it has compared the fingerprint, run"
        " the same command again."
    ),
    _("This lab has %(count)s accounts already, which is as many as may be."),
    _("%(node)s does not belong to the network any more."),
    _("Login %(number)s is not the next of %(node)s: it has %(has)s. Try again."),
    _("%(node)s is %(standing)s: only a confirmed node can be asked."),
    _("%(ref)s was counted already: %(good)s good, %(scrap)s scrap."),
    _("%(ref)s was counted already."),
    _("%(ref)s is %(attempt_state)s: there is nothing to count yet."),
    _("%(ref)s was never granted: take it back instead."),
    _(
        "The grant of %(ref)s is good until %(until)s UTC: the node may start it till then. Ask"
        " the maker first."
    ),
    _("Only a maker leaves by herself; ask the one who runs the network."),
    _(
        "Plates at your lab are not over: %(refs)s. Count them first, or let the coordination team"
        " give them up."
    ),
    _("Lot %(lot)s is called back: keep it apart, it is not inspected."),
    _(
        "What the ledger says of lot %(lot)s cannot be read: lay the bag aside, and tell who runs the"
        " coordinator."
    ),
    _("Lot %(lot)s was inspected already: %(accepted)s accepted, %(rejected)s rejected."),
    _("Lot %(lot)s has %(accepted)s accepted pieces, not %(all)s."),
    _("%(node)s cannot be the name of a node: choose another one."),
    _("%(ref)s is %(attempt_state)s already; there is nothing to answer."),
    _("Count the parts of %(ref)s first: they are on this bed."),
    _("%(ref)s is %(attempt_state)s: there is no print to stop."),
    _("This design was withdrawn: %(reason)s"),
    _("Order %(order)s is %(order_state)s already; nothing was changed."),
    _("This recall was ended by %(who)s: %(reason)s"),
    _("This was settled before."),
    _("This revision was withdrawn: another one has to be accepted."),
    _("It was withdrawn already, by %(who)s: %(reason)s"),
    _("Lot %(lot)s is not held."),
    _("%(event)s cannot happen to an attempt that is %(attempt_state)s"),
    # the node's own, on its page
    _("%(printer)s prints %(ref)s now."),
    _("%(ref)s lies on %(printer)s: count it, that clears the bed too."),
    _("%(printer)s prints a test part now."),
    _("%(printer)s prints for somebody else now, or is heated there."),
    _("%(printer)s is worked by a person: it is stopped there."),
    _("%(printer)s prints nothing that could be stopped."),
    _("%(printer)s cannot be reached now: pull its plug."),
    _("%(ref)s is %(attempt_state)s: it cannot be started from here."),
    _(
        "This G-code was not checked for %(ref)s on %(printer)s in %(material)s: bring the file itself."
    ),
    _(
        "The time in which %(ref)s may be started is over; it is asked for anew as soon as the"
        " network is within reach."
    ),
    _("%(ref)s is %(attempt_state)s: only what has not begun can be given back."),
    _("The node did not answer. Please try again."),
    _("The node failed; its log says why."),
    _("The disk of this machine is full: nothing was kept. Make room, and do it again."),
    _(
        "The disk of this machine cannot be written: nothing was kept. Restart the machine; if that does"
        " not help, replace its disk or memory card."
    ),
    _("%(printer)s is fed by a person: print the test part from its card."),
    _("%(printer)s prints a test part already."),
    _("%(ref)s is on %(printer)s: its print ends and is counted first."),
    _("%(printer)s is %(printer_state)s: it cannot print now."),
    _("%(printer)s is %(printer_state)s (%(what)s): it cannot print now."),
    _(
        "Another printer heats up now, and node.toml lets no more at once (heaters_at_once): try"
        " again in a few minutes."
    ),
    _("No spool is loaded on %(printer)s: say in node.toml what is on it."),
    _("%(printer)s prints no test part."),
    # what is wrong with a value that was entered
    _("accepted and rejected must make %(pieces)s"),
    _("say why pieces were rejected"),
    _("say what happened to the missing pieces"),
    _("between %(least)s and %(most)s"),
    _("from %(least)s to %(most)s"),
    _("%(value)s is not between %(least)s and %(most)s"),
    _("is needed"),
    _("is needed: the network plans by it"),
    _("is needed: the requester will read it"),
    _("say what is wrong, in words that a nurse understands"),
    _("all three have to be so before it prints alone"),
    _("%(material)s is not in the vocabulary"),
    _("is no day"),
    _("this day has passed"),
    _("%(day)s has passed"),
    _(
        "only %(left_g)s g of %(material)s lie in the depot: send no more, or count what has come since"
    ),
    _("%(day)s is after %(until)s, when the order is due"),
    _("is no address of mail"),
    _("write it as https://ntfy.example/topic"),
    _("is not told to this role"),
    _("is no time of day"),
    _("write its name, at most %(most)s letters"),
    _("is none: update fabnet on the node"),
    _("is none"),
    _("is somebody else's already: choose another one"),
    _("at most %(most)s characters"),
    _("refused and lost together are at most %(most)s"),
    _("may not be empty"),
    _("a maker belongs to a node"),
    _("is another revision"),
    _("two have the same id"),
    _("a printer has no id"),
    _("is none of %(codes)s"),
    _("a machine that a person works is told by hand"),
    _("a machine that does not print has none"),
    _("a round bed is as wide as it is deep"),
    _("%(many)s characters are more than %(most)s"),
    _("more than %(most)s of them"),
    _(
        '%(part)s cannot be read; write it as "08:00-20:00" or "Mon-Fri 18:00-23:00, Sat'
        ' 09:00-17:00"'
    ),
    _("somebody has to be there at some time; or pause"),
    _("a lot has at least one piece"),
    _("one of %(codes)s"),
    _("Batch %(batch)s has not left yet."),
    _("So much is wrong with this parcel: please telephone."),
    _("is not in this parcel"),
    _("at most %(most)s, of 2 MB each"),
    _("more than were sent"),
    _("is needed, at most %(most)s characters"),
    _("write the number as it stands on the slip"),
    _("All of its lots are held, or wait for a second person's release."),
    _("Batch %(batch)s is %(batch_state)s: it is not on its way."),
    _(
        "Its design is %(review_state)s: under “%(rule)s” it must be at least %(at_least)s before a"
        " parcel leaves."
    ),
    _(
        "Its requester was asked whether she still needs it, and has not answered. Telephone her, and"
        " write her answer on the page of the order."
    ),
    _("Its rule, “%(rule)s”, ended on %(day)s: a steward chooses another."),
    _("Lot %(lot)s in it waits for a second person: who did not inspect it releases it."),
    _("What lies here is spare: this order needs no more."),
    _("say why pieces are refused"),
    _("Lot %(lot)s cannot be announced here: it is elsewhere, or announced already."),
    _("Lot %(lot)s is not of this run: leave it where it is."),
    _("Lot %(lot)s was inspected already: it is not counted again."),
    _("Nobody has taken lot %(lot)s from its workshop yet."),
    _("This pick-up has begun, or is over."),
    _("This run is over, or nobody has it."),
    _("choose at least one"),
    _("1 to %(most)s characters"),
    _("Lot %(lot)s is not inspected, or is called back."),
    _("You have inspected lot %(lot)s yourself: a second person releases it."),
    _("Lot %(lot)s has a hold: say first that it is here."),
    _("Lot %(lot)s is being put right: say first that it is done."),
    _("Lot %(lot)s is held until %(until)s UTC: nothing of it is accepted before."),
    _("Lot %(lot)s is not here to be inspected."),
    _("Lot %(lot)s is not inspected, or lies in a parcel."),
    _("Lot %(lot)s is put aside for rework already."),
    _("Lot %(lot)s was lost on the way: count it first if it is here."),
    _("say what happened to them"),
    _("say what has to be put right"),
    _("Order %(order)s is %(order_state)s; nothing was changed."),
    _(
        "The books were put back from a backup, and not every workshop has answered yet. Please try"
        " again later."
    ),
    _(
        "A part of this design lies in the breathing path: it is made once a named body has accepted"
        " this revision for that (fabnet design accept)."
    ),
    _(
        "Order %(order)s is %(order_state)s: cancel it, or wait until it is delivered, and then erase"
        " who asked for it."
    ),
    _(
        "Pieces of this order are called back: whoever has them must be reached until the recall is ended."
    ),
    _("it has run out on %(day)s"),
    _("there is no such profile"),
    _("This was answered before, or the run is over: telephone the hub."),
    _("say why they refuse it"),
    _("each parcel once, at least one"),
    _("is before the beginning"),
    _("is no material of the vocabulary"),
    _("at most %(most)s days ahead"),
    _("names what the rule is for"),
    _("Lot %(lot)s is called back: its photos stay until that is over."),
    _(
        "Nothing of order %(order)s is left to be printed, or it is not confirmed yet: no plan can"
        " change it."
    ),
    _("%(day)s is over; name a day from %(until)s on"),
    _("%(what)s cannot be read; write 3xprusa-mini"),
    _("%(what)s is no machine that fabnet knows; there are %(names)s"),
)
