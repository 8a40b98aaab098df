// The transitions that the contract allows: the tables above JobState and
// TaskState in job.proto, read from its text.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_LEGAL_TRANSITIONS_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_LEGAL_TRANSITIONS_H_

#include <set>
#include <string>
#include <utility>

namespace nevus::scheduler {

// From one state's name to another's.
using Transitions = std::set<std::pair<std::string, std::string>>;

// The table in the comment of `name` ("JobState"). Empty if there is none. A
// row without a third column goes on with the row above.
Transitions LegalTransitions(const std::string& name);

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_LEGAL_TRANSITIONS_H_
