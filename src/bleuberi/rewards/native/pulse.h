// Long work without the GIL that Ctrl-C and SIGTERM can stop, within a row too.

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <atomic>
#include <cstdint>

namespace {

struct Stopped {};

// One per thread while it works. What takes long tells it about how many steps it is going to take.
class Pulse {
    static constexpr uint64_t STEPS = uint64_t(1) << 24;  // some 10 ms
    std::atomic<bool>& stopped_;
    PyThreadState** state_;  // of the calling thread, which has given back the GIL; null for its helpers
    uint64_t steps_ = 0;

    static Pulse*& of_this_thread() {
        static thread_local Pulse* pulse = nullptr;
        return pulse;
    }
    void check() {
        if (!stopped_ && state_) {
            PyEval_RestoreThread(*state_);
            if (PyErr_CheckSignals() < 0) stopped_ = true;
            *state_ = PyEval_SaveThread();
        }
        if (stopped_) throw Stopped();
    }

   public:
    Pulse(std::atomic<bool>& stopped, PyThreadState** state) : stopped_(stopped), state_(state) {
        of_this_thread() = this;
    }
    Pulse(const Pulse&) = delete;
    Pulse& operator=(const Pulse&) = delete;
    ~Pulse() { of_this_thread() = nullptr; }

    static void spend(uint64_t steps) {
        Pulse* const pulse = of_this_thread();
        if (!pulse || (pulse->steps_ += steps) < STEPS) return;
        pulse->steps_ = 0;
        pulse->check();
    }
};

}  // namespace
