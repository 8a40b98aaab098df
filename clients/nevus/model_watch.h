// Commands that look at models at work: live, replay, shadow, canary, history.
#ifndef NEVUS_CLIENTS_NEVUS_MODEL_WATCH_H_
#define NEVUS_CLIENTS_NEVUS_MODEL_WATCH_H_

#include <string>

namespace nevus {

// Who asks, for an alias's history: user@host of this process.
std::string ThisActor();

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_MODEL_WATCH_H_
