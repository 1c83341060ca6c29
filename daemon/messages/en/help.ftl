help = Triện lets a web page ask you for a digital signature, and lets nothing else happen
help-template = {"{"}about-with-newline}
  {"{"}usage-heading} {"{"}usage}

  {"{"}all-args}
help-commands = Commands
help-arguments = Arguments
help-options = Options
