// Which model version to load or unload next: pure.
//
// The wanted set is declared whole each time (after TensorFlow Serving's
// aspired versions): what is not in it is to go, and saying it again harms
// nothing. The policy answers a snapshot with at most one action; the shell
// (../model_set.h) carries it out on its own thread and asks again. So nothing
// here remembers, waits, locks or reads a clock.
//
//   absent --load--> LOADING --golden answers reproduced--> READY --unload-->
//   absent
//                       |
//                       +--anything else--> FAILED --load, or unload--> ...
//
// What it promises:
// 1. A version that an alias answers with is never unloaded; the alias moves on
//    only to one that is READY. So no alias is ever without an answer that it
//    had.
// 2. Versions that an alias wants come before those that are kept at hand.
// 3. One load at a time: two networks being built at once would take the memory
//    of both and the cores of those that answer.
// 4. Beyond the memory limit, versions that are only kept leave, the one that
//    was not used for longest first. What an alias wants stays even so: a limit
//    that is too small is no reason to stop answering. So does one that was
//    just prepared: who asked for it is about to promote it, and would else
//    load it twice.
#ifndef NEVUS_SERVICES_SERVING_CORE_VERSION_POLICY_H_
#define NEVUS_SERVICES_SERVING_CORE_VERSION_POLICY_H_

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

namespace nevus {

struct VersionId {
  std::string model;
  int64_t version = 0;
};
inline bool operator<(const VersionId& a, const VersionId& b) {
  return std::tie(a.model, a.version) < std::tie(b.model, b.version);
}
inline bool operator==(const VersionId& a, const VersionId& b) {
  return std::tie(a.model, a.version) == std::tie(b.model, b.version);
}

enum class VersionState {
  kLoading,  // being fetched, built and checked
  kReady,    // has reproduced its golden answers
  kFailed,   // could not be loaded, or did not reproduce them
};

// An alias that somebody asked for.
struct AliasSnapshot {
  std::string model;
  int64_t wanted = 0;     // where the registry points it
  int64_t answering = 0;  // the version that answers for it; 0: none yet
};

// A version that is at hand without an alias: asked for by number, or the one
// that an alias left, to go back to.
struct KeptSnapshot {
  VersionId id;
  bool awaited = false;   // a request waits for it now
  bool prepared = false;  // the last that became READY because one did
};

struct VersionSnapshot {
  VersionId id;
  VersionState state = VersionState::kLoading;
  bool try_again = false;  // FAILED, and it is time for another try
  // What it takes alone, and with all others of its feature space together.
  int64_t own_bytes = 0;
  std::string space;
  int64_t space_bytes = 0;
};

struct ServingSnapshot {
  std::vector<AliasSnapshot> aliases;
  std::vector<KeptSnapshot> kept;  // last used first
  std::vector<VersionSnapshot> versions;
};

struct VersionAction {
  enum class Kind { kNone, kLoad, kUnload };
  Kind kind = Kind::kNone;
  VersionId id;
};

// The bytes of all READY versions: each its own, each space once.
int64_t LoadedBytes(const ServingSnapshot& now);

// What to do next. Same snapshot, same answer; carried out and asked again it
// ends with kNone.
VersionAction NextAction(const ServingSnapshot& now, int64_t limit_bytes);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_CORE_VERSION_POLICY_H_
