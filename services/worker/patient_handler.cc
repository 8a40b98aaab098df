#include "services/worker/patient_handler.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"

namespace nevus {
namespace {

// Long enough to cost nothing, short enough that cancel is heard soon.
constexpr absl::Duration kPause = absl::Milliseconds(200);

class PatientHandler final : public TaskHandler {
 public:
  PatientHandler(std::unique_ptr<TaskHandler> handler, absl::Duration patience)
      : handler_(std::move(handler)), patience_(patience) {}

  v1::WorkerKind kind() const override { return handler_->kind(); }

  absl::StatusOr<std::string> Run(const v1::TaskSpec& spec,
                                  TaskContext& context) override {
    const StopSignal pause;  // never set: a wait that ends by its timeout
    const Stopwatch watch;
    while (true) {
      absl::StatusOr<std::string> result = handler_->Run(spec, context);
      if (!absl::IsUnavailable(result.status()) || context.cancelled() ||
          absl::Seconds(watch.Seconds()) >= patience_) {
        return result;
      }
      pause.WaitFor(kPause);
      if (context.cancelled()) return result;
    }
  }

 private:
  const std::unique_ptr<TaskHandler> handler_;
  const absl::Duration patience_;
};

}  // namespace

std::unique_ptr<TaskHandler> NewPatientHandler(
    std::unique_ptr<TaskHandler> handler, absl::Duration patience) {
  return std::make_unique<PatientHandler>(std::move(handler), patience);
}

}  // namespace nevus
