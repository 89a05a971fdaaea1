// The text rewards in one pass over UTF-8: threads, and what Python sees. The metrics are in native/.
//
// The numbers and their order of operations are those of bleu_python.py and its neighbours: both back ends give equal
// bits. Tokens are interned and n-grams are numbered exactly (no hash stands for a text), rows are scored on threads
// without the GIL.

#include <atomic>
#include <limits>
#include <new>
#include <random>
#include <system_error>
#include <thread>

#include "native/bleu.h"
#include "native/chrf.h"
#include "native/meteor.h"
#include "native/rouge.h"

namespace {

constexpr int REVISION = 2;  // raise it, here and in backend.py, if arguments get another meaning
constexpr size_t KEPT_BYTES = size_t(1) << 24;  // more than that is given back after a call

enum Metric { BLEU = 0, ROUGE = 1, METEOR = 2, ROUGE_OPTIONS = 3, CHRF = 4 };

// ---------------------------------------------------------------------------------------------------------- threads

struct Compiled {
    PyObject_HEAD
    int metric;
    NgramIndex* bleu;
    RougeIndex* rouge;
};

struct Row {
    Text response;
    size_t first = 0, count = 0;         // its references in Job::references
    const Compiled* compiled = nullptr;  // or these
};

struct Job {
    std::vector<Row> rows;
    std::vector<Text> references;
    std::vector<double> scores;
    std::atomic<size_t> next{0};
    std::atomic<bool> out_of_memory{false}, stopped{false};
    int metric = BLEU, flags = 0;
};

template <class Score>
void score_rows(Job& job, Score&& score) {
    constexpr size_t STEP = 4;
    for (size_t from; (from = job.next.fetch_add(STEP)) < job.rows.size();)
        for (size_t i = from; i < std::min(from + STEP, job.rows.size()); ++i) {
            const Row& row = job.rows[i];
            size_t characters = row.response.length;
            for (size_t k = 0; k < row.count; ++k) characters += job.references[row.first + k].length;
            Pulse::spend(32 * characters);
            job.scores[i] = score(row);
        }
}
template <class Scorer>
void score_rows(Job& job, Scorer& scorer) {
    score_rows(job, [&](const Row& row) {
        return scorer.once(row.response, job.references.data() + row.first, row.count, job.flags);
    });
}
template <class Scorer, class Index>
void score_rows(Job& job, Index* Compiled::* index, Scorer& scorer) {
    score_rows(job, [&](const Row& row) {
        return row.compiled ? scorer.compiled(row.response, *(row.compiled->*index), job.flags)
                            : scorer.once(row.response, job.references.data() + row.first, row.count, job.flags);
    });
}

// What a thread keeps between calls, so that small batches need no fresh memory.
struct Scorers {
    BleuScorer bleu;
    RougeScorer rouge;
    MeteorScorer meteor;
    RougeOptionsScorer rouge_options;
    ChrfScorer chrf;
    static Scorers& of_this_thread() {
        static thread_local Scorers scorers;
        return scorers;
    }
    void forget_large() {
        if (bleu.bytes() > KEPT_BYTES) bleu = BleuScorer();
        if (rouge.bytes() > KEPT_BYTES) rouge = RougeScorer();
        if (meteor.bytes() > KEPT_BYTES) meteor = MeteorScorer();
        if (rouge_options.bytes() > KEPT_BYTES) rouge_options = RougeOptionsScorer();
        if (chrf.bytes() > KEPT_BYTES) chrf = ChrfScorer();
    }
};

void work(Job& job, PyThreadState** state = nullptr) {  // state: of the thread that called, which hears signals
    Scorers& scorers = Scorers::of_this_thread();
    Pulse pulse(job.stopped, state);
    try {
        if (job.metric == BLEU) score_rows(job, &Compiled::bleu, scorers.bleu);
        else if (job.metric == ROUGE) score_rows(job, &Compiled::rouge, scorers.rouge);
        else if (job.metric == METEOR) score_rows(job, scorers.meteor);
        else if (job.metric == ROUGE_OPTIONS) score_rows(job, scorers.rouge_options);
        else score_rows(job, scorers.chrf);
    } catch (const std::bad_alloc&) {
        job.out_of_memory = true;
    } catch (const std::length_error&) {
        job.out_of_memory = true;
    } catch (const Stopped&) {
    }
    if (job.out_of_memory || job.stopped) scorers = Scorers();  // a scorer that was stopped half-way is in no known state
    scorers.forget_large();
}

PyObject* run(Job& job, int threads) {
    PyThreadState* state = PyEval_SaveThread();
    bool failed = false;
    try {
        job.scores.assign(job.rows.size(), UNSCORED);
        std::vector<std::thread> helpers;
        const size_t useful = job.rows.size() / 16;  // below that a thread costs more than it takes over
        try {
            for (int i = 1; i < threads && size_t(i) <= useful; ++i) helpers.emplace_back([&job] { work(job); });
        } catch (const std::system_error&) {
            // No further thread to be had: those that run do the work.
        }
        work(job, &state);
        for (std::thread& helper : helpers) helper.join();
    } catch (const std::bad_alloc&) {
        failed = true;
    }
    PyEval_RestoreThread(state);
    if (job.stopped) return nullptr;  // with the error of the signal's handler
    if (failed || job.out_of_memory) return PyErr_NoMemory();
    PyObject* list = PyList_New(Py_ssize_t(job.scores.size()));
    if (!list) return nullptr;
    for (size_t i = 0; i < job.scores.size(); ++i) {
        PyObject* value = std::isnan(job.scores[i]) ? Py_NewRef(Py_None) : PyFloat_FromDouble(job.scores[i]);
        if (!value) {
            Py_DECREF(list);
            return nullptr;
        }
        PyList_SET_ITEM(list, Py_ssize_t(i), value);
    }
    return list;
}

// ------------------------------------------------------------------------------------------------- Python's objects

// Own references to the objects whose memory is read without the GIL: a caller may change its lists meanwhile.
class Kept {
    std::vector<PyObject*> objects_;

   public:
    Kept() = default;
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    ~Kept() {
        for (PyObject* object : objects_) Py_DECREF(object);
    }
    void keep(PyObject* object) {  // takes over a reference
        try {
            objects_.push_back(object);
        } catch (...) {
            Py_DECREF(object);
            throw;
        }
    }
};

bool read_text(PyObject* object, Text& text, Kept& kept) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "expected str, got %.80s", Py_TYPE(object)->tp_name);
        return false;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object) < 0) return false;
#endif
    text.data = PyUnicode_DATA(object);
    text.length = size_t(PyUnicode_GET_LENGTH(object));
    text.kind = PyUnicode_IS_ASCII(object) ? 0 : int(PyUnicode_KIND(object));
    if (text.length > MAX_CHARACTERS) {
        PyErr_SetString(PyExc_OverflowError, "a text is longer than 134 million characters");
        return false;
    }
    kept.keep(Py_NewRef(object));
    return true;
}

bool read_texts(PyObject* object, std::vector<Text>& texts, Kept& kept) {
    if (PyUnicode_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "expected a sequence of str, got str");
        return false;
    }
    PyObject* const items = PySequence_Tuple(object);
    if (!items) return false;
    kept.keep(items);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); ++i) {
        Text text;
        if (!read_text(PyTuple_GET_ITEM(items, i), text, kept)) return false;
        texts.push_back(text);
    }
    return true;
}

extern PyTypeObject CompiledType;

PyObject* compiled_new(PyTypeObject* type, PyObject* args, PyObject*) {
    int metric;
    PyObject* references;
    if (!PyArg_ParseTuple(args, "iO", &metric, &references)) return nullptr;
    if (metric != BLEU && metric != ROUGE) {
        PyErr_SetString(PyExc_ValueError, "references are compiled for BLEU and ROUGE-L alone");
        return nullptr;
    }
    auto* self = reinterpret_cast<Compiled*>(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    self->metric = metric;
    bool ready = false, failed = false;
    try {
        Kept kept;
        std::vector<Text> texts;
        Buffers& buffers = Scorers::of_this_thread().bleu.buffers;
        if (metric == BLEU) self->bleu = new NgramIndex();
        else self->rouge = new RougeIndex();
        ready = read_texts(references, texts, kept);
        if (ready) {
            PyThreadState* const state = PyEval_SaveThread();
            try {
                if (metric == BLEU) self->bleu->build(texts.data(), texts.size(), buffers);
                else self->rouge->build(texts.data(), texts.size(), buffers);
            } catch (const std::bad_alloc&) {
                failed = true;
            }
            PyEval_RestoreThread(state);
            Scorers::of_this_thread().forget_large();
        }
    } catch (const std::bad_alloc&) {
        failed = true;
    }
    if (failed) PyErr_NoMemory();
    if (!failed && ready) return reinterpret_cast<PyObject*>(self);
    Py_DECREF(self);
    return nullptr;
}

void compiled_dealloc(PyObject* object) {
    auto* self = reinterpret_cast<Compiled*>(object);
    delete self->bleu;
    delete self->rouge;
    Py_TYPE(object)->tp_free(object);
}

PyObject* compiled_nbytes(PyObject* object, void*) {
    const auto* self = reinterpret_cast<Compiled*>(object);
    return PyLong_FromSize_t(self->bleu ? self->bleu->bytes() : self->rouge->bytes());
}

PyGetSetDef compiled_fields[] = {
    {"nbytes", compiled_nbytes, nullptr, "Bytes of memory held.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyTypeObject CompiledType = [] {
    PyTypeObject type = {PyVarObject_HEAD_INIT(nullptr, 0)};
    type.tp_name = "bleuberi.rewards._native.Compiled";
    type.tp_basicsize = sizeof(Compiled);
    type.tp_flags = Py_TPFLAGS_DEFAULT;
    type.tp_doc = "References of one prompt, ready for many responses. Compiled(metric, texts).";
    type.tp_new = compiled_new;
    type.tp_dealloc = compiled_dealloc;
    type.tp_getset = compiled_fields;
    return type;
}();

// score(metric, responses, references, threads, flags): references[i] is a sequence of str or a Compiled.
PyObject* score(PyObject*, PyObject* args) {
    PyObject *responses, *references;
    int threads;
    Job job;
    if (!PyArg_ParseTuple(args, "iOOii", &job.metric, &responses, &references, &threads, &job.flags)) return nullptr;
    try {
        Kept kept;
        std::vector<Text> texts;
        if (!read_texts(responses, texts, kept)) return nullptr;
        PyObject* const lists = PySequence_Tuple(references);
        if (!lists) return nullptr;
        kept.keep(lists);
        if (size_t(PyTuple_GET_SIZE(lists)) != texts.size()) {
            PyErr_SetString(PyExc_ValueError, "responses and references differ in number");
            return nullptr;
        }
        job.rows.resize(texts.size());
        for (size_t i = 0; i < texts.size(); ++i) {
            Row& row = job.rows[i];
            row.response = texts[i];
            PyObject* const item = PyTuple_GET_ITEM(lists, Py_ssize_t(i));
            row.first = job.references.size();
            if (PyObject_TypeCheck(item, &CompiledType)) {
                row.compiled = reinterpret_cast<const Compiled*>(item);
                if (row.compiled->metric == job.metric) continue;
                PyErr_SetString(PyExc_ValueError, "references were compiled for another metric");
                return nullptr;
            }
            if (!read_texts(item, job.references, kept)) return nullptr;
            row.count = job.references.size() - row.first;
        }
        return run(job, threads);
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

// A buffer of Arrow: 64-bit offsets (n + 1 of them), or text.
struct Buffer {
    Py_buffer view = {};
    ~Buffer() {
        if (view.obj) PyBuffer_Release(&view);
    }
    const int64_t* offsets() const { return static_cast<const int64_t*>(view.buf); }
    int64_t entries() const { return view.len / int64_t(sizeof(int64_t)) - 1; }
};

bool ascending(const Buffer& offsets, int64_t end) {
    if (offsets.entries() < 0 || offsets.offsets()[0] < 0) return false;
    for (int64_t i = 0; i < offsets.entries(); ++i)
        if (offsets.offsets()[i] > offsets.offsets()[i + 1]) return false;
    return offsets.offsets()[offsets.entries()] <= end;
}

// score_arrow(metric, response offsets and bytes, list offsets, reference offsets and bytes, threads, flags)
PyObject* score_arrow(PyObject*, PyObject* args) {
    Buffer at, text, lists, reference_at, reference_text;
    int threads;
    Job job;
    if (!PyArg_ParseTuple(args, "iy*y*y*y*y*ii", &job.metric, &at.view, &text.view, &lists.view, &reference_at.view,
                          &reference_text.view, &threads, &job.flags))
        return nullptr;
    const int64_t base = lists.entries() < 0 ? 0 : lists.offsets()[0];  // a slice's lists begin within their parent's
    const int64_t references = std::max<int64_t>(reference_at.entries(), 0);
    if (base > std::numeric_limits<int64_t>::max() - references ||  // the sum would overflow
        !ascending(at, text.view.len) || !ascending(lists, base + references) ||
        !ascending(reference_at, reference_text.view.len) || lists.entries() != at.entries()) {
        PyErr_SetString(PyExc_ValueError, "the offsets do not fit their buffers");
        return nullptr;
    }
    try {
        const auto slice = [](const Buffer& offsets, const Buffer& bytes, int64_t i) {
            const int64_t from = offsets.offsets()[i];
            return Text{static_cast<const char*>(bytes.view.buf) + from, size_t(offsets.offsets()[i + 1] - from), 0};
        };
        job.references.reserve(size_t(reference_at.entries()));
        for (int64_t i = 0; i < reference_at.entries(); ++i)
            job.references.push_back(slice(reference_at, reference_text, i));
        job.rows.resize(size_t(at.entries()));
        for (int64_t i = 0; i < at.entries(); ++i) {
            job.rows[i].response = slice(at, text, i);
            job.rows[i].first = size_t(lists.offsets()[i] - base);
            job.rows[i].count = size_t(lists.offsets()[i + 1] - lists.offsets()[i]);
        }
        return run(job, threads);
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

// tokens(metric, text): what the metric counts, as bytes of UTF-8.
PyObject* tokens(PyObject*, PyObject* args) {
    int metric;
    PyObject* object;
    if (!PyArg_ParseTuple(args, "iO", &metric, &object)) return nullptr;
    try {
        Kept kept;
        Text text;
        Buffers buffers;
        if (!read_text(object, text, kept)) return nullptr;
        std::vector<std::string> found;
        const auto emit = [&](string_view token) { found.emplace_back(token); };
        if (metric == BLEU) tokenize_13a(as_utf8(text, buffers.utf8), buffers.clean, emit);
        else tokenize_rouge(as_utf8(text, buffers.utf8), buffers.clean, emit);
        PyObject* list = PyList_New(Py_ssize_t(found.size()));
        for (size_t i = 0; list && i < found.size(); ++i) {
            PyObject* token = PyBytes_FromStringAndSize(found[i].data(), Py_ssize_t(found[i].size()));
            if (token) PyList_SET_ITEM(list, Py_ssize_t(i), token);
            else Py_CLEAR(list);
        }
        return list;
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

// stem(word): Porter's stem of a lower-case word.
PyObject* stem(PyObject*, PyObject* args) {
    PyObject* object;
    if (!PyArg_ParseTuple(args, "O", &object)) return nullptr;
    try {
        Kept kept;
        Text text;
        std::string utf8, found;
        if (!read_text(object, text, kept)) return nullptr;
        Porter().stem(as_utf8(text, utf8), found);
        return PyUnicode_DecodeUTF8(found.data(), Py_ssize_t(found.size()), "surrogatepass");
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

PyMethodDef methods[] = {
    {"score", score, METH_VARARGS, "score(metric, responses, references, threads, flags) -> list[float | None]"},
    {"score_arrow", score_arrow, METH_VARARGS, "score() over the buffers of Arrow's large strings and lists."},
    {"stem", stem, METH_VARARGS, "stem(word) -> str"},
    {"tokens", tokens, METH_VARARGS, "tokens(metric, text) -> list[bytes]"},
    {nullptr, nullptr, 0, nullptr},
};

int execute(PyObject* module) {
    try {
        std::random_device device;
        SEED = u64(device()) << 32 | device();
    } catch (const std::exception&) {
        SEED = u64(reinterpret_cast<uintptr_t>(module));  // no source of randomness: at least the address
    }
    if (PyModule_AddIntConstant(module, "REVISION", REVISION) != 0) return -1;
    return PyModule_AddType(module, &CompiledType);
}

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(execute)}, {0, nullptr}};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "BLEU and ROUGE-L, compiled.", 0, methods, slots, nullptr, nullptr, nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit__native() { return PyModuleDef_Init(&definition); }
