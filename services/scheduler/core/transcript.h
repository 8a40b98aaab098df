// Plays a history in testdata/: a command, "----", what it did, a blank line;
// "#" begins a comment. NEVUS_REWRITE=<directory> writes what happened instead:
// look at the difference, and commit it only if you understand it.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_TRANSCRIPT_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_TRANSCRIPT_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace nevus::scheduler {

// "lease 0 w1 at=5s": words that are plain, and those with a name.
struct Command {
  std::vector<std::string> plain;
  std::map<std::string, std::string> named;

  // "" if it is not there.
  std::string Word(size_t index) const;
  std::string Named(const std::string& name) const;
  int64_t Number(const std::string& name, int64_t otherwise) const;
  absl::Duration Duration(const std::string& name,
                          absl::Duration otherwise) const;
  std::vector<std::string> List(const std::string& name) const;
};

// Fails the test if `play` does not answer each command as the file tells.
void PlayTranscript(const std::string& name,
                    const std::function<std::string(const Command&)>& play);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_TRANSCRIPT_H_
