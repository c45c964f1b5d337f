"""`framectl monitor`: `view` is what is shown, `stream` where it comes from, `dialogs` what is asked."""
