# Why the service cannot begin: what happened, and what to do.

service-config = The configuration cannot be used: { $reason }
service-config-remedy = Correct the file. Only your own config.toml can be moved away to go back to the defaults; policy.toml holds the administrator's rules.
service-in-use = A daemon of this user is running already.
service-in-use-remedy = Use that one, or end it first.
service-session = The session folder { $folder } (XDG_RUNTIME_DIR) is missing, or does not belong to this user alone (mode 0700).
service-session-remedy = Log in as this user: su and sudo may leave another user's folder there. Do not remove that folder: the whole session uses it.
service-folder = The folder { $folder } is not this user's alone.
service-folder-remedy = Remove it, or set its owner to you and its mode to 0700; then start again.
service-folder-unmade = The folder "{ $file }" of the service cannot be made: { $reason }.
service-folder-unmade-remedy = Allow writing to the folder around it, or set TRIEN_HOME to a folder of your own that can be written.
service-socket-name = The path of the socket is longer than the system lets it be: "{ $file }".
service-socket-name-remedy = Set TRIEN_HOME, or without it XDG_RUNTIME_DIR, to a folder with a shorter path.
service-audit = The record of signatures cannot be written: { $reason }
service-audit-remedy = Make room on the disk and check the rights of the data folder; nothing is signed without the record.
service-system = The system refused something the service needs: { $reason }
service-system-remedy = Check the rights of the folders of Triện and the limits of this user.
