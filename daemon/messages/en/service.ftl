# Why the service cannot begin: what happened, and what to do.

service-config = The configuration cannot be used: { $reason }
service-config-remedy = Correct the file. Only your own config.toml can be moved away to go back to the defaults; policy.toml holds the administrator's rules.
service-in-use = A daemon of this user is running already.
service-in-use-remedy = Use that one, or end it first.
service-folder = The folder { $folder } is not this user's alone.
service-folder-remedy = Remove it, or set its owner to you and its mode to 0700; then start again.
service-socket-name = The path of the socket is longer than the system lets it be: "{ $file }".
service-socket-name-remedy = Set TRIEN_HOME, or without it XDG_RUNTIME_DIR, to a folder with a shorter path.
service-audit = The record of signatures cannot be written: { $reason }
service-audit-remedy = Make room on the disk and check the rights of the data folder; nothing is signed without the record.
service-system = The system refused something the service needs: { $reason }
service-system-remedy = Check the rights of the folders of Triện and the limits of this user.
