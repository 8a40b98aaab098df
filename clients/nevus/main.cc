// `nevus`: the command line of the platform (docs/cli.md). Joins the table of
// commands with this process's terminal and environment.
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"

namespace {

int Columns() {
  winsize size = {};
  const bool known =
      ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace

int main(int argc, char** argv) {
  const char* server = std::getenv("NEVUS_SERVER");
  const bool set = server != nullptr && *server != '\0';
  const nevus::Terminal terminal{std::cout, std::cerr,
                                 isatty(STDERR_FILENO) != 0,
                                 set ? server : "127.0.0.1:7700", Columns};
  return nevus::RunCommandLine(nevus::AllCommands(),
                               std::vector<std::string>(argv + 1, argv + argc),
                               terminal);
}
