// An event as a line, for the scheduler's tests.
#ifndef NEVUS_SERVICES_SCHEDULER_SHELL_EVENT_TEXT_H_
#define NEVUS_SERVICES_SCHEDULER_SHELL_EVENT_TEXT_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {

// "1 state PENDING", "2 task 0 LEASED w1", "3 progress 0 7/256",
// "4 log 0 line".
inline std::string Text(const v1::JobEvent& event) {
  const std::string number = absl::StrCat(event.number(), " ");
  if (event.has_state()) {
    return absl::StrCat(number, "state ",
                        v1::JobState_Name(event.state().state()));
  }
  if (event.has_task()) {
    return absl::StrCat(number, "task ", event.task().task(), " ",
                        v1::TaskState_Name(event.task().state()), " ",
                        event.task().worker());
  }
  if (event.has_progress()) {
    return absl::StrCat(number, "progress ", event.progress().task(), " ",
                        event.progress().progress().done(), "/",
                        event.progress().progress().total());
  }
  return absl::StrCat(number, "log ", event.log().task(), " ",
                      event.log().line());
}

}  // namespace nevus

#endif  // NEVUS_SERVICES_SCHEDULER_SHELL_EVENT_TEXT_H_
