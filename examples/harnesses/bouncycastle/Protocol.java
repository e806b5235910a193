import java.io.*;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Harness protocol 1 of pqvalidate in lines of JSON; nothing in here knows the library under test.
 *
 * Requests hold names, numbers and hex only, so two patterns read them.
 */
final class Protocol {
    private static final Pattern TEXT = Pattern.compile("\"(\\w+)\"\\s*:\\s*\"([^\"]*)\"");
    private static final Pattern ID = Pattern.compile("\"id\"\\s*:\\s*(\\d+)");

    /** An operation: from the inputs of a call to its outputs, which are byte arrays and truth values. */
    interface Operation { Map<String, Object> make(Call call) throws Exception; }

    /** The call itself is not in order, which says nothing about the library. */
    static final class BrokenCall extends RuntimeException {
        BrokenCall(String why) { super(why); }
    }

    /** One request. */
    record Call(Map<String, String> texts) {
        boolean has(String name) { return texts.containsKey(name); }

        byte[] bytes(String name) {
            try {
                return HexFormat.of().parseHex(texts.get(name));
            } catch (RuntimeException problem) {
                throw new BrokenCall("input " + name + " is missing or not hex");
            }
        }

        byte[] bytesOr(String name, byte[] otherwise) { return has(name) ? bytes(name) : otherwise; }
    }

    private final Map<String, Map<String, Operation>> sets;
    private final Map<String, Object> greeting;
    private final Predicate<Exception> refusal;

    /** What is said in reply to hello beside the operations, and which exceptions are how the library refuses. */
    Protocol(Map<String, Map<String, Operation>> sets, Map<String, Object> about, Predicate<Exception> refusal) {
        this.sets = sets;
        this.refusal = refusal;
        this.greeting = new TreeMap<>(about);
        var offered = new TreeMap<String, Object>();
        sets.forEach((name, all) -> offered.put(name, all.keySet()));
        greeting.put("operations", offered);
        greeting.put("protocol", 1);
    }

    private Map<String, Object> answer(String line) {
        var texts = TEXT.matcher(line).results().collect(Collectors.toMap(m -> m.group(1), m -> m.group(2), (a, b) -> b));
        var number = ID.matcher(line);
        long id = number.find() ? Long.parseLong(number.group(1)) : -1;
        String op = texts.getOrDefault("op", ""), set = texts.getOrDefault("set", "");
        try {
            if (op.equals("hello")) return Map.of("id", id, "ok", greeting);
            Operation operation = sets.getOrDefault(set, Map.of()).get(op);
            if (operation == null) throw new BrokenCall("no operation " + op + " for " + set);
            return Map.of("id", id, "ok", operation.make(new Call(texts)));
        } catch (Exception problem) {
            boolean refused = !(problem instanceof BrokenCall) && refusal.test(problem);
            return Map.of("id", id, refused ? "rejected" : "error", problem.toString());
        }
    }

    private static String json(Object value) {
        if (value instanceof byte[] bytes) return json(HexFormat.of().formatHex(bytes));
        if (value instanceof String text) {
            return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replaceAll("\\p{Cntrl}", " ") + '"';
        }
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream().map(e -> json(e.getKey()) + ":" + json(e.getValue()))
                .collect(Collectors.joining(",", "{", "}"));
        }
        if (value instanceof Collection<?> all) {
            return all.stream().map(Protocol::json).collect(Collectors.joining(",", "[", "]"));
        }
        return String.valueOf(value);
    }

    /** Answers until the host closes standard input; standard output holds replies only. */
    void serve() throws IOException {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8), 1 << 20);
        var out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; out.flush()) {
            out.print(json(answer(line)) + "\n");
        }
    }
}
