"""`framectl monitor`: `view` and `panels` are what is shown, `stream` where it comes from, `dialogs` what is asked."""
