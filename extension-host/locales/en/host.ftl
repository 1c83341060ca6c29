usage =
    trien-extension-host: the program by which a browser talks to Triện on this computer.
    The browser starts it by itself; a person needs only these commands.

    trien-extension-host install [--browser chromium|chrome|edge|brave|firefox] [--user | --system | --user-data-dir FOLDER] [--extension-id ID]
    trien-extension-host remove  [--browser chromium|chrome|edge|brave|firefox] [--user | --system | --user-data-dir FOLDER]
    trien-extension-host --version
    trien-extension-host --help

    --browser        for this browser only; may be repeated; for all of them if absent
    --user           for the current user (the default)
    --system         for every user of the computer; needs an administrator
    --user-data-dir  for one profile folder of Chromium, Chrome, Edge or Brave
    --extension-id   in Chromium and its kin this extension may start it, too: one that was packed with a key of one's own;
                     may be repeated; each “install” names them all anew
installed = Wrote { $path }
extension-lies = The browser needs the extension, too. It lies in { $folder }: the folders chromium (open chrome://extensions, switch on “Developer mode”, choose “Load unpacked”) and firefox (open about:debugging, choose “Load Temporary Add-on”).
extension-needed = The browser needs the extension of Triện, too; without it these files have no effect. “make install” puts it into share/trien/webextension.
removed = Removed { $path }
named-another = It had named another program before: { $program }
was-unusable = What stood there before was no manifest that a browser could use.
kept = { $path } stays: it was installed for { $browsers }, too, which reads the same file
absent = There is no { $path }
sandbox-portal = { $browser } from { $package }: it reads the same file through the desktop's portal and asks you once whether it may start Triện. If it does not ask, the portal is missing; install Firefox as a .deb package or from Mozilla.
sandbox-closed = { $browser } from { $package }: nothing was done. Its sandbox lets it start no other program, so the extension cannot reach Triện. Pages can still use the WebSocket; for the extension, install { $browser } as a .deb package.
misuse = The argument “{ $argument }” is not understood. See trien-extension-host --help.
bad-extension-id = “{ $value }” is no id of an extension. One has 32 letters from a to p, as chrome://extensions shows it.
extension-id-needed = --extension-id wants an extension's id: 32 letters from a to p, as chrome://extensions shows it.
no-home = The user's home folder is not known. Set the variable HOME.
io-not-found = No such file or directory
io-permission-denied = Permission denied
io-not-a-folder = Not a directory
io-is-a-folder = Is a directory
io-read-only = Read-only file system
io-storage-full = No space left
io-no-utf8 = The path of this program is no text in UTF-8
io-number = System error { $number }
cannot-write = { $path } cannot be written: { $reason }. Check the permissions of the folder.
cannot-remove = { $path } cannot be removed: { $reason }. Check the permissions of the folder.
no-program = This program does not know where it lies: { $reason }. Install Triện again.
too-large = The reply is too large for the browser.
too-large-remedy = Fetch the document in smaller parts.
